"""What the demo came to: the short account, the report, and figures for the benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from januscl.cli.account import Account, kept_lines
from januscl.cli.demonstration import Demonstration
from januscl.cli.simulated import TruePick
from januscl.core import Novelty, Release, Stage
from januscl.line import telling
from januscl.line.cycle import CycleReport
from januscl.line.report import Fact, Mark, Story, write_report
from januscl.sim import LATE_KINDS


@dataclass(frozen=True)
class Period:
    """Picks of one kind in a part of the day."""

    picks: int
    failed: int

    def __str__(self) -> str:
        return (
            "–"
            if not self.picks
            else f"{self.failed}/{self.picks} ({100 * self.failed / self.picks:.0f}%)"
        )


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
    """Gather what a demo came to and write its report."""
    picks = sorted(demo.truth.picks.values(), key=lambda pick: pick.at)
    facts = {
        "seconds": round(seconds, 1),
        "seed": demo.seed,
        "picks": str(period(picks, None, None, None)),
        "tickets": _tickets(demo),
        "faults": _faults(demo),
        "fault_frames_in_decks": _fault_frames_in_decks(demo),
        "novelties": sorted(
            (_novelty(demo, cycle, picks) for cycle in demo.cycles),
            key=lambda novelty: -novelty["lost_picks_a_day"][0],
        ),
        "slices": _slices(demo),
        "retention": telling.retention(demo.workspace, demo.line.judge, dict(_models(demo))),
        "bad_release": _bad(demo),
        "releases": [_release(release) for release in demo.workspace.catalogue.releases.list()],
        "labels": sum(cycle.labels for cycle in demo.cycles),
    }
    lines = _lines(facts)
    report = demo.folder / "report.html"
    write_report(_story(demo, facts, lines), report)
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


def _novelty(demo: Demonstration, cycle: CycleReport, picks: Sequence[TruePick]) -> dict[str, Any]:
    novelty = cycle.novelty
    since = fleet_since(demo, novelty)
    opened = cycle.release.opened if cycle.release else None
    kind = novelty.name if novelty.name in LATE_KINDS else None
    part, judge = demo.workspace.catalogue.slices.get(cycle.slice), demo.line.judge
    before, after = (
        demo.line.judge.ap(model, part) for model in (cycle.champion, cycle.challenger.id)
    )
    return {
        "id": novelty.id,
        "name": novelty.name,
        "state": novelty.state,
        "first_seen": novelty.first_seen,
        "lost_picks_a_day": [novelty.cost.expected, novelty.cost.low, novelty.cost.high],
        "labels": cycle.labels,
        "slice": part.name,
        "ap_before": before,
        "ap_after": after,
        "kind_ap_before": judge.kind_ap(cycle.champion, part, novelty.kind),
        "kind_ap_after": judge.kind_ap(cycle.challenger.id, part, novelty.kind),
        "gate": cycle.verdict.answer,
        "release": cycle.release.stage if cycle.release else None,
        "failed_before": _rate(picks, kind, None, opened),
        "failed_during": _rate(picks, kind, opened, since) if opened else None,
        "failed_after": _rate(picks, kind, since, None) if since else None,
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


def _release(release: Release) -> dict[str, Any]:
    return {
        "model": release.model,
        "stage": release.stage,
        "stages": [
            {
                "stage": report.stage,
                "answer": report.answer,
                "challenger": f"{report.challenger_failed}/{report.challenger_picks}",
                "control": f"{report.control_failed}/{report.control_picks}",
            }
            for report in release.reports
        ],
    }


def _lines(facts: dict[str, Any]) -> tuple[str, ...]:
    """Tell the facts to a person."""
    lines = [f"A day of {facts['picks']} failed picks, {facts['labels']} frames labelled."]
    for ticket in facts["tickets"]:
        closed = f", closed {ticket['closed']:%H:%M}" if ticket["closed"] else ", still open"
        lines.append(
            f"Ticket   {ticket['robot']} {ticket['cause'].replace('_', ' ')}: opened "
            f"{ticket['opened']:%H:%M}{closed}. {ticket['evidence']}."
        )
    lines.append(f"Decks    {facts['fault_frames_in_decks']} frames of a faulty camera in them.")
    for rank, novelty in enumerate(facts["novelties"], start=1):
        expected, low, high = novelty["lost_picks_a_day"]
        lines.append(
            f"Novelty  {rank}. {novelty['name']} ({novelty['state']}): {expected:.0f} lost picks a "
            f"day ({low:.0f} to {high:.0f}), {novelty['labels']} labels, AP on it "
            f"{100 * novelty['kind_ap_before']:.0f} to {100 * novelty['kind_ap_after']:.0f}."
        )
        if novelty["failed_after"]:
            was, now = novelty["failed_before"], novelty["failed_after"]
            lines.append(
                f"         picks that worked on it: {_worked(was)} before its release, "
                f"{_worked(novelty['failed_during'])} during, {_worked(now)} after."
            )
    for name, ap in facts["slices"].items():
        lines.append(
            f"Slice    {name}: AP {100 * ap['before']:.1f} with the factory model, "
            f"{100 * ap['after']:.1f} now."
        )
    lines += kept_lines(facts["retention"])
    for release in facts["releases"]:
        stages = "; ".join(
            f"{s['stage']} {s['answer']} ({s['challenger']} failed, control {s['control']})"
            for s in release["stages"]
        )
        lines.append(f"Release  {release['model']}: {stages}: {release['stage']}.")
    bad = facts["bad_release"]
    if bad:
        end = "REACHED THE FLEET" if bad["in_fleet"] else "never reached the fleet"
        lines.append(
            f"Bad      {bad['model']}, mislabelled and without replay: gate {bad['gate']}; "
            f"it {end}. {bad['reason']}"
        )
    lines.append(f"Took {facts['seconds']:.0f} s.")
    return tuple(lines)


def _worked(counted: dict[str, int] | None) -> str:
    if not counted or not counted["picks"]:
        return "none"
    worked = counted["picks"] - counted["failed"]
    return f"{worked} of {counted['picks']} ({100 * worked / counted['picks']:.0f}%)"


def _story(demo: Demonstration, facts: dict[str, Any], lines: Sequence[str]) -> Story:
    workspace, judge = demo.workspace, demo.line.judge
    champion = demo.line.champion
    slices = workspace.catalogue.slices.list()
    return Story(
        title="A day at a simulated site",
        subtitle=f"{len(demo.day.cells) - 1} robots on two lines and a test station, "
        f"{demo.day.start:%d %B}, {demo.day.ticks} attempts each",
        facts=_tiles(facts),
        account=tuple(lines),
        taxonomy=demo.taxonomy,
        timeline=telling.timeline(workspace, demo.day.cells, _world(demo)),
        tickets=telling.ticket_cards(workspace),
        novelties=telling.novelty_cards(workspace, lambda novelty: _novelty_facts(facts, novelty)),
        comparisons=telling.comparisons(judge, slices, demo.factory.id, champion),
        verdicts=telling.verdict_cards(workspace),
        releases=telling.release_cards(workspace),
        retention=facts["retention"],
        ap=telling.ap_table(judge, _models(demo), slices),
        settings={"command": f"janus demo --seed {demo.seed}", "seconds": str(facts["seconds"])},
    )


def _models(demo: Demonstration) -> list[tuple[str, str]]:
    """Return every model that was judged, with the name that it is shown by."""
    models = [(demo.factory.id, "factory")]
    models += [(c.challenger.id, f"after {c.novelty.name}") for c in demo.cycles]
    if demo.bad is not None:
        models.append((demo.bad[0].id, "mislabelled"))
    return models


def _world(demo: Demonstration) -> list[Mark]:
    """Return what the script did to the fleet, which Janus was not told."""
    length = timedelta(seconds=demo.day.seconds_per_tick)
    marks = [
        Mark(
            demo.day.start + a.begins * length, "world", f"{a.kind} arrives on {', '.join(a.lines)}"
        )
        for a in demo.day.arrivals
    ]
    marks += [
        Mark(demo.day.start + f.at * length, "world", f"{f.robot}: {f.fault.replace('_', ' ')}")
        for f in demo.day.faults
    ]
    return marks


def _tiles(facts: dict[str, Any]) -> tuple[Fact, ...]:
    faults = facts["faults"]
    tiles = [
        Fact("Faults ticketed", f"{faults['ticketed_right']} of {faults['scripted']}",
             f"right cause and camera; {faults['false_tickets']} false",
             faults["ticketed_right"] == faults["scripted"] and not faults["false_tickets"]),
        Fact("Fault frames learned from", str(facts["fault_frames_in_decks"]), "quarantined",
             facts["fault_frames_in_decks"] == 0),
        Fact("Labels asked for", str(facts["labels"]), f"{len(facts['novelties'])} novelties"),
    ]  # fmt: skip
    for novelty in facts["novelties"]:
        was, now = novelty["failed_before"], novelty["failed_after"]
        if was and now and was["picks"] and now["picks"]:
            tiles.append(
                Fact(
                    f"Failed picks, {novelty['name']}",
                    f"{100 * now['failed'] / now['picks']:.0f}%",
                    f"{100 * was['failed'] / was['picks']:.0f}% before the release",
                    now["failed"] / now["picks"] < was["failed"] / was["picks"],
                )
            )
    bad = facts["bad_release"]
    if bad:
        tiles.append(
            Fact(
                "Bad challenger",
                "in the fleet" if bad["in_fleet"] else "held back",
                f"gate: {bad['gate']}",
                not bad["in_fleet"],
            )
        )
    return tuple(tiles)


def _novelty_facts(facts: dict[str, Any], novelty: Novelty) -> tuple[Fact, ...]:
    for row in facts["novelties"]:
        if row["id"] != novelty.id:
            continue
        was, now = row["failed_before"], row["failed_after"]
        found = [
            Fact("Labels", str(row["labels"])),
            Fact("AP on it", f"{100 * row['kind_ap_after']:.0f}",
                 f"{100 * row['kind_ap_before']:.0f} before",
                 row["kind_ap_after"] > row["kind_ap_before"]),
        ]  # fmt: skip
        if was and now:
            found.append(
                Fact("Failed picks", f"{now['failed']} of {now['picks']}",
                     f"{was['failed']} of {was['picks']} before")
            )  # fmt: skip
        return tuple(found)
    return ()
