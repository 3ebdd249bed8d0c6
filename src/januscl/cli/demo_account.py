"""What the demo came to: the short account, the report, and figures for the benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from januscl.cli.account import Account, ap_points, failed, kept_lines
from januscl.cli.demo_story import story_of
from januscl.cli.demonstration import Demonstration
from januscl.cli.simulated import TruePick
from januscl.core import Novelty, NoveltyState, Release, Stage
from januscl.line import telling
from januscl.line.cycle import CycleReport
from januscl.line.report import FATES, fate, write_report
from januscl.sim import LATE_KINDS

_NO_CYCLE: dict[str, Any] = dict.fromkeys(("slice", "model", "gate", "release", "model_fate"))
"""Of a novelty of which no model was made."""


@dataclass(frozen=True)
class Period:
    """Picks of one kind in a part of the day, and how many of them failed."""

    picks: int
    failed: int


def period(
    picks: Sequence[TruePick], kind: str | None, since: datetime | None, until: datetime | None
) -> Period:
    """Count the picks of a kind (None: of all) from `since` on and before `until`."""
    chosen = [
        pick
        for pick in picks
        if (kind is None or pick.kind == kind)
        and (since is None or pick.at >= since)
        and (until is None or pick.at < until)
    ]
    return Period(len(chosen), sum(pick.outcome.failed for pick in chosen))


def account_of(demo: Demonstration, seconds: float) -> Account:
    """Gather what a demo came to and write its report.

    The account, the page and the figures for programs are told from the same facts, as they stand
    at the end of the day.
    """
    picks = sorted(demo.truth.picks.values(), key=lambda pick: pick.at)
    names = names_of(demo)
    facts = {
        "seconds": round(seconds, 1),
        "seed": demo.seed,
        "picks": {"picks": len(picks), "failed": sum(pick.outcome.failed for pick in picks)},
        "tickets": _tickets(demo),
        "faults": _faults(demo),
        "fault_frames_in_decks": _fault_frames_in_decks(demo),
        "novelties": [_novelty(demo, novelty, picks) for novelty in telling.risen(demo.workspace)],
        "slices": _slices(demo),
        "retention": telling.retention(demo.workspace, demo.line.judge, names),
        "bad_release": _bad(demo),
        "releases": [
            _release(release, names) for release in demo.workspace.catalogue.releases.list()
        ],
        "labels": sum(cycle.labels for cycle in demo.cycles),
    }
    lines = account_lines(facts)
    report = demo.folder / "report.html"
    write_report(story_of(demo, facts, lines, names), report)
    return Account(lines, facts, report)


def fleet_since(demo: Demonstration, novelty: Novelty) -> datetime | None:
    """Return when the model that learned a novelty went from the beta lines to the fleet."""
    for release in demo.workspace.catalogue.releases.list():
        if release.novelty == novelty.id and release.stage is Stage.DONE:
            for row in demo.workspace.catalogue.audit.list(subject=release.id):
                if row.detail.get("stage") == Stage.FLEET:
                    return row.at
    return None


def _tickets(demo: Demonstration) -> list[dict[str, Any]]:
    scripted = {(fault.robot, fault.fault) for fault in demo.day.faults}
    return [
        {
            "robot": ticket.robot,
            "cause": ticket.cause,
            "right": (ticket.robot, ticket.cause) in scripted,
            "opened": ticket.opened,
            "closed": ticket.closed,
            "evidence": ticket.evidence,
        }
        for ticket in demo.workspace.catalogue.tickets.list()
    ]


def _faults(demo: Demonstration) -> dict[str, int]:
    scripted = {(fault.robot, fault.fault) for fault in demo.day.faults}
    found = [(t.robot, t.cause) for t in demo.workspace.catalogue.tickets.list()]
    return {
        "scripted": len(scripted),
        "ticketed_right": len(scripted & set(found)),
        "false_tickets": sum(fault not in scripted for fault in found),
    }


def _fault_frames_in_decks(demo: Demonstration) -> int:
    faulty = demo.truth.faulty()
    decks = demo.workspace.catalogue.decks.list()
    return sum(item.id in faulty for deck in decks for item in deck.items)


def _novelty(demo: Demonstration, novelty: Novelty, picks: Sequence[TruePick]) -> dict[str, Any]:
    """Tell a novelty as it stands at the end of the day, and the last model made for it."""
    since = fleet_since(demo, novelty)
    kind = novelty.name if novelty.name in LATE_KINDS else None
    cycles = [cycle for cycle in demo.cycles if cycle.novelty.id == novelty.id]
    return {
        "id": novelty.id,
        "name": novelty.name,
        "called": telling.novelty_names(demo.workspace)[novelty.id],
        "state": novelty.state,
        "closed": telling.closed_at(demo.workspace, novelty),
        "first_seen": novelty.first_seen,
        "lost_picks_a_day": [novelty.cost.expected, novelty.cost.low, novelty.cost.high],
        "labels": sum(cycle.labels for cycle in cycles),
        "failed_all_day": _rate(picks, kind, None, None),
        "failed_before": None,
        "failed_during": None,
        "failed_after": _rate(picks, kind, since, None) if since else None,
        **(_last_cycle(demo, cycles[-1], kind, picks, since) if cycles else _NO_CYCLE),
    }


def _last_cycle(
    demo: Demonstration,
    cycle: CycleReport,
    kind: str | None,
    picks: Sequence[TruePick],
    since: datetime | None,
) -> dict[str, Any]:
    """Tell what the last cycle of a novelty came to; AP is of its kind alone, on its slice."""
    judge, part = demo.line.judge, demo.workspace.catalogue.slices.get(cycle.slice)
    models = {"before": cycle.champion, "after": cycle.challenger.id, "now": demo.line.champion}
    label = cycle.novelty.kind
    opened = cycle.release.opened if cycle.release else None
    return {
        "slice": part.name,
        **{f"ap_{when}": judge.ap(model, part) for when, model in models.items()},
        **{f"kind_ap_{when}": judge.kind_ap(m, part, label) for when, m in models.items()},
        "model": cycle.challenger.id,
        "gate": cycle.verdict.answer,
        "release": cycle.release.stage if cycle.release else None,
        "model_fate": fate(cycle.verdict.answer, cycle.release),
        "failed_before": _rate(picks, kind, None, opened),
        "failed_during": _rate(picks, kind, opened, since) if opened else None,
    }


def _rate(
    picks: Sequence[TruePick], kind: str | None, since: datetime | None, until: datetime | None
) -> dict[str, int] | None:
    if kind is None:
        return None
    counted = period(picks, kind, since, until)
    return {"picks": counted.picks, "failed": counted.failed}


def _slices(demo: Demonstration) -> dict[str, dict[str, float]]:
    champion = demo.line.champion
    return {
        part.name: {
            "before": demo.line.judge.ap(demo.factory.id, part),
            "after": demo.line.judge.ap(champion, part),
        }
        for part in demo.workspace.catalogue.slices.list()
    }


def _bad(demo: Demonstration) -> dict[str, Any] | None:
    if demo.bad is None:
        return None
    model, verdict = demo.bad
    reached = [
        release.stage
        for release in demo.workspace.catalogue.releases.list()
        if release.model == model.id
    ]
    return {
        "model": model.id,
        "gate": verdict.answer,
        "reason": verdict.reasons[0],
        "reached": [str(stage) for stage in reached],
        "in_fleet": Stage.DONE in reached or Stage.FLEET in reached,
    }


def _release(release: Release, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "model": release.model,
        "called": names[release.model],
        "stage": release.stage,
        "ending": telling.ending(release),
        "stages": [
            {
                "stage": report.stage,
                "answer": report.answer,
                "challenger": {
                    "picks": report.challenger_picks,
                    "failed": report.challenger_failed,
                },
                "control": {"picks": report.control_picks, "failed": report.control_failed},
            }
            for report in release.reports
        ],
    }


def names_of(demo: Demonstration) -> dict[str, str]:
    """Return what every model version of a demo is called."""
    known = {} if demo.bad is None else {demo.bad[0].id: "mislabelled model"}
    return telling.model_names(demo.workspace, known)


def account_lines(facts: dict[str, Any]) -> tuple[str, ...]:
    """Tell the facts to a person; AP in points, and of picks always those that failed."""
    lines = [f"A day of picks: {failed(facts['picks'])} failed; {facts['labels']} frames labelled."]
    for ticket in facts["tickets"]:
        closed = f", closed {ticket['closed']:%H:%M}" if ticket["closed"] else ", still open"
        lines.append(
            f"Ticket   {ticket['robot']} {ticket['cause'].replace('_', ' ')}: opened "
            f"{ticket['opened']:%H:%M}{closed}. {ticket['evidence']}."
        )
    lines.append(f"Decks    {facts['fault_frames_in_decks']} frames of a faulty camera in them.")
    for rank, novelty in enumerate(facts["novelties"], start=1):
        lines += _novelty_lines(rank, novelty)
    for name, ap in facts["slices"].items():
        lines.append(
            f"Slice    {name}: AP {ap_points(ap['before'])} with the factory model, "
            f"{ap_points(ap['after'])} now."
        )
    lines += kept_lines(facts["retention"])
    lines += [_release_line(release) for release in facts["releases"]]
    bad = facts["bad_release"]
    if bad:
        end = "REACHED THE FLEET" if bad["in_fleet"] else "never reached the fleet"
        lines.append(
            f"Bad      {bad['model']}, mislabelled and without replay: gate {bad['gate']}; "
            f"it {end}. {bad['reason']}"
        )
    lines.append(f"Took {facts['seconds']:.0f} s.")
    return tuple(lines)


def _novelty_lines(rank: int, novelty: dict[str, Any]) -> list[str]:
    expected, low, high = novelty["lost_picks_a_day"]
    lines = [
        f"Novelty  {rank}. {novelty['called']} ({state_of(novelty)}): {expected:.0f} lost picks a "
        f"day ({low:.0f} to {high:.0f}), {novelty['labels']} labels."
    ]
    if novelty["model"]:
        lines.append(
            f"         AP on it {ap_points(novelty['kind_ap_before'])} before, "
            f"{ap_points(novelty['kind_ap_after'])} with its own model, which "
            f"{FATES[novelty['model_fate']][0]}; {ap_points(novelty['kind_ap_now'])} with the "
            "fleet's model now."
        )
    if novelty["failed_after"]:
        lines.append(
            f"         failed picks on it: {failed(novelty['failed_before'])} before its release, "
            f"{failed(novelty['failed_during'])} during, {failed(novelty['failed_after'])} after."
        )
    return lines


def _release_line(release: dict[str, Any]) -> str:
    last = {stage["stage"]: stage for stage in release["stages"]}
    stages = "; ".join(
        f"{name}, {failed(stage['challenger'])} failed, champion {failed(stage['control'])}"
        for name, stage in last.items()
    )
    end = release["stage"].replace("_", " ")
    if release["ending"]:
        end += {
            "harm": ", for it fails more often",
            "undecided": ", undecided: harm was neither shown nor ruled out in time",
            "outside": ", from outside",
        }[release["ending"]]
    return f"Release  {release['called']}: {stages}: {end}."


def state_of(novelty: dict[str, Any]) -> str:
    """Say where a novelty stands at the end of the day."""
    state = str(novelty["state"]).replace("_", " ")
    if novelty["closed"] is None or novelty["state"] == NoveltyState.CLOSED:
        return state
    return f"closed {novelty['closed']:%H:%M}, came back: {state}"
