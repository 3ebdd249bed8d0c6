"""What a replay came to: the short account, the report, and figures for the benchmark."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from januscl.cli.account import Account, ap_points, gain_points, kept_lines
from januscl.cli.replaying import EVERY, LEAST_STEPS, START, Replay
from januscl.core import EventKind, Novelty
from januscl.evaluate import paired_bootstrap
from januscl.line import telling
from januscl.line.report import Fact, NoveltyCard, Story, write_report


def account_of(replay: Replay, seconds: float) -> Account:
    """Gather what a replay came to and write its report."""
    facts = _facts(replay, seconds)
    lines = _lines(facts)
    report = replay.folder / "report.html"
    write_report(_story(replay, facts, lines), report)
    return Account(lines, facts, report)


def _facts(replay: Replay, seconds: float) -> dict[str, Any]:
    judge, held = replay.line.judge, replay.held_back
    champion = replay.line.champion
    photographs = replay.photographs
    return {
        "set": photographs.name,
        "seconds": round(seconds, 1),
        "seed": replay.seed,
        "photographs": {
            "history": len(photographs.history),
            "stream": len(photographs.stream),
            "watched": replay.watched,
            "held_back": len(photographs.held_back),
            "rejected": [f"{reject.thing}: {reject.reason}" for reject in photographs.rejects],
            "copies": len(photographs.copies),
        },
        "class_by_class": photographs.by_kind,
        "clock": {"start": START, "every_seconds": EVERY.total_seconds()},
        "novel_photographs": len(_novel(replay)),
        "novelties": len(_found(replay)),
        "input_px": replay.input_px,
        "held_back_ap": {
            "base": judge.ap(replay.start.id, held),
            "after_history": judge.ap(replay.commissioned.id, held),
            "after_cycles": judge.ap(champion, held),
        },
        "gain": _gain(replay, replay.start.id),
        "gain_over_history": _gain(replay, replay.commissioned.id),
        "labels": sum(cycle.labels for cycle in replay.cycles),
        "cycles": [
            {
                "novelty": cycle.novelty.name,
                "routine": replay.line.routine.has(cycle.novelty.id),
                "state": cycle.novelty.state,
                "labels": cycle.labels,
                "gate": cycle.verdict.answer,
                "reason": cycle.verdict.reasons[0],
                "held_back_ap": judge.ap(cycle.challenger.id, held),
            }
            for cycle in replay.cycles
        ],
        "budget_minutes": replay.budget.seconds / 60,
        "no_time": [
            {"name": name, "wanted_seconds": lack.wanted, "left_seconds": lack.left}
            for name, lack in sorted(replay.no_time.items())
        ],
        "retention": telling.retention(replay.workspace, judge, dict(_models(replay))),
    }


def _novel(replay: Replay) -> set[str]:
    """Return the photographs that show something novel, each by itself."""
    found = replay.workspace.catalogue.events.list(kind=EventKind.NOVELTY)
    return {event.observation for event in found}


def _found(replay: Replay) -> list[Novelty]:
    """Return the novelties; what is only in doubt is none."""
    routine = {record.id for record in replay.line.routine.records()}
    return [n for n in replay.workspace.catalogue.novelties.list() if n.id not in routine]


def _gain(replay: Replay, before: str) -> dict[str, float]:
    """Return what the last champion gained on what was held back, in AP with its interval."""
    judge, held = replay.line.judge, replay.held_back
    gain = paired_bootstrap(
        judge.matches(before, held),
        judge.matches(replay.line.champion, held),
        resamples=2000,
        confidence=0.95,
        seed=replay.seed,
    )
    return {"delta": gain.delta, "low": gain.low, "high": gain.high, "confidence": 0.95}


def _lines(facts: dict[str, Any]) -> tuple[str, ...]:
    parts, ap = facts["photographs"], facts["held_back_ap"]
    lines = [
        f"{facts['set']}: {parts['history']} photographs of history, {parts['stream']} streamed, "
        f"{parts['held_back']} held back, {len(parts['rejected'])} rejected; "
        f"{facts['labels']} labels asked for in the stream.",
        f"Clock    a photograph every {facts['clock']['every_seconds']:.0f} s from "
        f"{facts['clock']['start']:%Y-%m-%d %H:%M} UTC on: sets do not say when theirs were taken.",
        f"Novel    {_came(facts)}",
    ]
    for cycle in facts["cycles"]:
        what = "Routine" if cycle["routine"] else "Novelty"
        labels = "labels by doubt" if cycle["routine"] else "labels"
        lines.append(
            f"{what}  {cycle['novelty']} ({cycle['state']}): {cycle['labels']} {labels}, gate "
            f"{cycle['gate']}, AP held back {ap_points(cycle['held_back_ap'])}."
        )
    lines.append(
        f"AP on held-back photographs: base {ap_points(ap['base'])}, after history "
        f"{ap_points(ap['after_history'])}, after the cycles {ap_points(ap['after_cycles'])}."
    )
    over_base = gain_points(ap["base"], ap["after_cycles"])
    over_history = gain_points(ap["after_history"], ap["after_cycles"])
    lines.append(f"Gain over the base: {over_base} points {_interval(facts['gain'])}.")
    lines.append(
        f"Gain over the model after history: {over_history} points "
        f"{_interval(facts['gain_over_history'])}."
    )
    lines += kept_lines(facts["retention"])
    lines += stopped_lines(facts)
    lines.append(f"Took {facts['seconds']:.0f} s.")
    return tuple(lines)


def stopped_lines(facts: dict[str, Any]) -> list[str]:
    """Say what there was no time for; nothing where there was time for all."""
    parts, minutes = facts["photographs"], facts["budget_minutes"]
    used = f"the budget of {minutes:g} minute{'' if minutes == 1 else 's'} was used"
    told = []
    if parts["watched"] < parts["stream"]:
        told = [f"Stopped after {parts['watched']} of {parts['stream']} photographs: {used}."]
    lacking = facts["no_time"]
    if lacking:
        names = ", ".join(one["name"] for one in lacking)
        wanted, left = sum(one["wanted_seconds"] for one in lacking), lacking[-1]["left_seconds"]
        each = wanted / len(lacking)
        enough = max(ceil(minutes + (wanted - left) / 60), ceil(minutes) + 1)
        told.append(
            f"Not learned for want of time: {names}. {LEAST_STEPS} training steps and their "
            f"judging take about {each:.0f} s here, and {max(left, 0):.0f} s were left, the "
            f"report's own time apart. Try --budget {enough}."
        )
    return told


def _came(facts: dict[str, Any]) -> str:
    """Say what came of the photographs that show something novel."""
    novel, found = facts["novel_photographs"], facts["novelties"]
    shown = f"{novel} photograph{'' if novel == 1 else 's'} showed something novel"
    if novel and not found:
        return f"{shown}; too few were alike to be a novelty."
    return f"{shown}; {found} novelt{'y' if found == 1 else 'ies'} came of it."


def _interval(gain: dict[str, float]) -> str:
    return f"(95% interval {ap_points(gain['low'])} to {ap_points(gain['high'])})"


def _models(replay: Replay) -> list[tuple[str, str]]:
    """Return every model that was judged, with the name that it is shown by."""
    models = [(replay.start.id, "base"), (replay.commissioned.id, "after history")]
    models += [
        (cycle.challenger.id, f"after {cycle.novelty.name} ({cycle.verdict.answer})")
        for cycle in replay.cycles
    ]
    return models


def _story(replay: Replay, facts: dict[str, Any], lines: Sequence[str]) -> Story:
    workspace, judge = replay.workspace, replay.line.judge
    champion = replay.line.champion
    names = telling.model_names(workspace, dict(_models(replay)))
    slices = [replay.held_back, *workspace.catalogue.slices.list()]
    ap, gain = facts["held_back_ap"], facts["gain"]
    routine = [cycle for cycle in facts["cycles"] if cycle["routine"]]
    by_doubt = sum(cycle["labels"] for cycle in routine)
    return Story(
        title=f"{facts['set']}, replayed",
        subtitle=f"{facts['photographs']['watched']} photographs streamed"
        + (", class by class" if facts["class_by_class"] else "")
        + f", one every {EVERY.total_seconds():.0f} s from {START:%Y-%m-%d %H:%M} UTC on",
        facts=(
            Fact(
                "AP on held-back photographs",
                ap_points(ap["after_cycles"]),
                f"{ap_points(ap['base'])} with the base model",
                gain["low"] > 0,
            ),
            Fact(
                "Gain over the base",
                f"{gain_points(ap['base'], ap['after_cycles'])} points",
                f"95% interval {ap_points(gain['low'])} to {ap_points(gain['high'])}",
                gain["low"] > 0,
            ),
            Fact(
                "Labels asked for",
                str(facts["labels"]),
                f"of {facts['photographs']['watched']} photographs"
                + (f"; {by_doubt} in routine campaigns" if routine else ""),
            ),
            Fact(
                "Novelties",
                str(facts["novelties"]),
                f"of {facts['novel_photographs']} novel photographs; "
                f"{len(facts['cycles']) - len(routine)} labelled",
            ),
            Fact(
                "Routine campaigns",
                str(len(routine)),
                "for what the model was in doubt of"
                + (f"; no time for {len(facts['no_time'])}" if facts["no_time"] else ""),
            ),
        ),
        account=tuple(lines),
        taxonomy=replay.photographs.taxonomy,
        novelties=_cards(replay, facts),
        comparisons=telling.comparisons(judge, [replay.held_back], replay.start.id, champion, 6),
        verdicts=telling.verdict_cards(workspace, judge, names),
        models=("the base model", "the model at the end"),
        thing="object",
        retention=facts["retention"],
        ap=telling.ap_table(judge, _models(replay), slices),
        settings={
            "set": facts["set"],
            "input": f"{replay.input_px} px",
            "seed": str(replay.seed),
            "seconds": str(facts["seconds"]),
        },
    )


def _cards(replay: Replay, facts: dict[str, Any]) -> tuple[NoveltyCard, ...]:
    """Return the novelties; what is only in doubt is none, and is told by the account."""
    routine = {record.name for record in replay.line.routine.records()}
    cards = telling.novelty_cards(replay.workspace, lambda novelty: _novelty(facts, novelty))
    shown = [card for card in cards if card.name not in routine]
    return tuple(replace(card, rank=rank) for rank, card in enumerate(shown, start=1))


def _novelty(facts: dict[str, Any], novelty: Novelty) -> tuple[Fact, ...]:
    for cycle in facts["cycles"]:
        if cycle["novelty"] == novelty.name:
            return (
                Fact("Labels", str(cycle["labels"])),
                Fact("Gate", str(cycle["gate"]), cycle["reason"]),
            )
    return ()
