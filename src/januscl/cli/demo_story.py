"""The demo's page: a story drawn from the same facts that its account is told from."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import sqrt
from typing import Any

from januscl.cli.account import ap_points, failed
from januscl.cli.demonstration import Demonstration
from januscl.core import Novelty, NoveltyState
from januscl.line import telling
from januscl.line.report import FATES, Fact, Mark, Story

_BEYOND_CHANCE = 1.64
"""Standard errors between two shares from which one is called better than the other."""


def story_of(
    demo: Demonstration, facts: dict[str, Any], lines: Sequence[str], names: Mapping[str, str]
) -> Story:
    """Return the story of a demo.

    Args:
        demo: As it ended.
        facts: What it came to; see `januscl.cli.demo_account`.
        lines: The account.
        names: What models are called.
    """
    workspace, judge = demo.workspace, demo.line.judge
    champion = demo.line.champion
    slices = workspace.catalogue.slices.list()
    models = [(model.id, names[model.id]) for model in workspace.catalogue.models.list()]
    return Story(
        title="A day at a simulated site",
        subtitle=f"{len(demo.day.cells) - 1} robots on two lines and a test station, "
        f"{demo.day.start:%d %B}, {demo.day.ticks} attempts each".replace(" 0", " "),
        facts=tiles(facts),
        account=tuple(lines),
        taxonomy=demo.taxonomy,
        timeline=telling.timeline(workspace, demo.day.cells, _world(demo), names),
        tickets=telling.ticket_cards(workspace, "the (simulated) technicians"),
        novelties=telling.novelty_cards(workspace, lambda novelty: novelty_facts(facts, novelty)),
        quiet=telling.quiet(workspace),
        comparisons=telling.comparisons(judge, slices, demo.factory.id, champion),
        models=(f"the {names[demo.factory.id]}", f"the {names[champion]}, the fleet's at the end"),
        verdicts=telling.verdict_cards(workspace, judge, names),
        releases=telling.release_cards(workspace, names),
        retention=facts["retention"],
        ap=telling.ap_table(judge, models, slices),
        settings={
            "Command": f"janus demo --seed {demo.seed}",
            "Seed": str(demo.seed),
            "Time taken": f"{facts['seconds']:.0f} s",
        },
    )


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


def tiles(facts: dict[str, Any]) -> tuple[Fact, ...]:
    """Return the figures at the head of the page."""
    faults, novelties = facts["faults"], facts["novelties"]
    told = [
        Fact("Faults ticketed", f"{faults['ticketed_right']} of {faults['scripted']}",
             f"right cause and camera; {faults['false_tickets']} false",
             faults["ticketed_right"] == faults["scripted"] and not faults["false_tickets"]),
        Fact("Fault frames learned from", str(facts["fault_frames_in_decks"]),
             "of all that training saw", facts["fault_frames_in_decks"] == 0),
        Fact("Labels asked for", str(facts["labels"]),
             f"for {sum(bool(row['labels']) for row in novelties)} novelties"),
    ]  # fmt: skip
    for novelty in novelties:
        was, now = novelty["failed_before"], novelty["failed_after"]
        if was and now and was["picks"] and now["picks"]:
            told.append(
                Fact(
                    f"Failed picks on {novelty['name']}",
                    f"{100 * now['failed'] / now['picks']:.0f}%",
                    f"of {now['picks']} picks; {100 * was['failed'] / was['picks']:.0f}% of "
                    f"{was['picks']} before the release",
                    _fewer(was, now),
                )
            )
    bad = facts["bad_release"]
    if bad:
        told.append(
            Fact(
                "A mislabelled model",
                "in the fleet" if bad["in_fleet"] else "held back",
                {"fail": "the gate refused it", "pass": "the gate passed it"}.get(
                    str(bad["gate"]), "the gate stayed undecided"
                ),
                not bad["in_fleet"],
            )
        )
    return tuple(told)


def _fewer(was: Mapping[str, int], now: Mapping[str, int]) -> bool | None:
    """Say whether fewer picks fail than before; None where chance may have made the difference."""
    picks = was["picks"] + now["picks"]
    share = (was["failed"] + now["failed"]) / picks
    error = sqrt(share * (1 - share) * picks / (was["picks"] * now["picks"]))
    gain = was["failed"] / was["picks"] - now["failed"] / now["picks"]
    return None if abs(gain) <= _BEYOND_CHANCE * error else gain > 0


def novelty_facts(facts: dict[str, Any], novelty: Novelty) -> tuple[Fact, ...]:
    """Return the figures of a novelty's card."""
    row = next(row for row in facts["novelties"] if row["id"] == novelty.id)
    told = [Fact("Labels", str(row["labels"]))]
    if row["model"]:
        told += _learned(row)
    elif row["state"] == NoveltyState.COLLECTING:
        told.append(Fact("Its model", "none yet", "it still collects frames"))
    was, now, day = row["failed_before"], row["failed_after"], row["failed_all_day"]
    if was and now:
        told.append(
            Fact("Failed picks on it", failed(now), f"{failed(was)} before its model's release")
        )
    elif day:
        told.append(Fact("Failed picks on it", failed(day), "over the whole day"))
    return tuple(told)


def _learned(row: dict[str, Any]) -> list[Fact]:
    """Tell what the fleet's model knows of a novelty, and what became of its own model."""
    before, own, now = (row[f"kind_ap_{when}"] for when in ("before", "after", "now"))
    good = {"fleet": True, "rolled_back": False, "stopped": False}.get(row["model_fate"])
    return [
        Fact("AP on it, fleet's model", f"{ap_points(before)} → {ap_points(now)}",
             "before its own model → now", now > before or None),
        Fact("Its own model", f"AP {ap_points(own)}", FATES[row["model_fate"]][0], good),
    ]  # fmt: skip
