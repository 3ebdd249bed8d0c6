"""One verdict of the gate as a page: what got better, what got worse, and in which pictures."""

from collections.abc import Sequence

import numpy as np

from januscl.core import Answer, Instances, Taxonomy, Verdict
from januscl.evaluate import breakdown, calibration_error
from januscl.line import report
from januscl.line.report.sights import shown

_SAID = {
    Answer.PASS: "It passed: nothing that was known is lost, and robots may try it.",
    Answer.FAIL: "It failed: something got worse, or it did not learn what it was trained for.",
    Answer.INCONCLUSIVE: "It is undecided: these pictures cannot tell, and it is held back.",
}


def verdict_story(
    slices: Sequence[report.Judged],
    card: report.VerdictCard,
    taxonomy: Taxonomy,
) -> report.Story:
    """Return the page of a verdict.

    Args:
        slices: What champion and challenger see in the slices of the verdict; one or more.
        card: The verdict, what was asked, and what the models are called.
        taxonomy: Names the kinds of the truths.
    """
    pictures = sum(len(part.frames) for part in slices)
    return report.Story(
        title=f"Judging the {card.title}",
        lead=_SAID[card.verdict.answer],
        subtitle=f"{card.challenger} against the {card.against}, on {len(slices)} "
        f"{'slice' if len(slices) == 1 else 'slices'} with {pictures} pictures",
        facts=_facts(slices, card.verdict),
        account=(f"{card.verdict.answer}: {' '.join(card.verdict.reasons)}",),
        taxonomy=taxonomy,
        comparisons=(report.changes(slices),),
        groups=_groups(slices, taxonomy),
        models=(f"the {card.against}", f"the {card.title}"),
        verdicts=(card,),
    )


def _facts(slices: Sequence[report.Judged], verdict: Verdict) -> tuple[report.Fact, ...]:
    told = []
    if verdict.slices:
        worst = min(verdict.slices, key=lambda score: score.delta)
        told.append(
            report.Fact(
                "Worst slice",
                f"{100 * worst.delta:+.1f}",
                f"points of AP on {worst.slice}, from {100 * worst.low:+.1f} to "
                f"{100 * worst.high:+.1f}",
            )
        )
    before, after = (_calibration(slices, when) for when in ("before", "after"))
    if before is not None and after is not None:
        told.append(
            report.Fact(
                "Scores mislead by",
                f"{100 * after:.1f}",
                f"points, {100 * before:.1f} before: how far a score is from the share of "
                "outlines that are right",
            )
        )
    return tuple(told)


def _calibration(slices: Sequence[report.Judged], when: str) -> float | None:
    """Return the calibration error of what a robot would act on; None where there is nothing."""
    seen = [shown(instances) for part in slices for instances in getattr(part, when)]
    truths = [frame.truth for part in slices for frame in part.frames]
    return calibration_error(truths, seen) if any(map(len, seen)) else None


def _groups(slices: Sequence[report.Judged], taxonomy: Taxonomy) -> tuple[report.Group, ...]:
    """Return every group of packages of all slices, the largest loss first."""
    truths = [frame.truth for part in slices for frame in part.frames]
    before: list[Instances] = [seen for part in slices for seen in part.before]
    after: list[Instances] = [seen for part in slices for seen in part.after]
    pairs = zip(
        breakdown(truths, before, taxonomy), breakdown(truths, after, taxonomy), strict=True
    )
    groups = [report.Group(a.by, a.name, a.truths, a.ap, b.ap) for a, b in pairs]
    order = np.argsort([group.after - group.before for group in groups], kind="stable")
    return tuple(groups[i] for i in order)
