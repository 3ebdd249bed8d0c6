"""What a replay came to: the short account, the report, and figures for the benchmark."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from januscl.cli.account import Account, ap_points, kept_lines
from januscl.cli.replaying import Replay
from januscl.core import Novelty
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
        "no_time": sorted(replay.no_time),
        "retention": telling.retention(replay.workspace, judge, dict(_models(replay))),
    }


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
        f"{facts['labels']} labels asked for in the stream."
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
    lines.append(f"Gain over the base: {_interval(facts['gain'])}.")
    lines.append(f"Gain over the model after history: {_interval(facts['gain_over_history'])}.")
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
    if facts["no_time"]:
        names = ", ".join(facts["no_time"])
        told.append(f"Not learned for want of time: {names}. Give more with --budget.")
    return told


def _interval(gain: dict[str, float]) -> str:
    return (
        f"{ap_points(gain['delta'])} points (95% interval {ap_points(gain['low'])} to "
        f"{ap_points(gain['high'])})"
    )


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
        + (", class by class" if facts["class_by_class"] else ""),
        facts=(
            Fact(
                "AP on held-back photographs",
                ap_points(ap["after_cycles"]),
                f"{ap_points(ap['base'])} with the base model",
                gain["low"] > 0,
            ),
            Fact(
                "Gain over the base",
                f"{ap_points(gain['delta'])} points",
                f"95% interval {ap_points(gain['low'])} to {ap_points(gain['high'])}",
                gain["low"] > 0,
            ),
            Fact(
                "Labels asked for",
                str(facts["labels"]),
                f"of {facts['photographs']['watched']} photographs"
                + (f"; {by_doubt} in routine campaigns" if routine else ""),
            ),
            Fact("Novelties", str(len(facts["cycles"]) - len(routine)), "found and labelled"),
            Fact("Routine campaigns", str(len(routine)), "for what the model was in doubt of"),
        ),
        account=tuple(lines),
        taxonomy=replay.photographs.taxonomy,
        novelties=_cards(replay, facts),
        comparisons=telling.comparisons(judge, [replay.held_back], replay.start.id, champion, 6),
        verdicts=telling.verdict_cards(workspace, judge, names),
        models=("the base model", "the model at the end"),
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
