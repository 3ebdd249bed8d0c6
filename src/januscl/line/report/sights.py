"""What two models see in the pictures of a slice, and which of them are worth showing.

One measure throughout: the outlines, whatever kind a package is taken for. A package counts as
found where an outline covers it with an intersection over union of 0.5 or more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, LabelledFrame, mask_iou
from januscl.line.report.story import Comparison, Hits, SliceView

SHOWN_SCORE = 0.5
"""What a model scores under this is not drawn and not counted, as no robot picks it."""

_ORDINALS = ("Largest", "2nd largest", "3rd largest", "4th largest", "5th largest", "6th largest")


def shown(instances: Instances) -> Instances:
    """Return the instances with a score of `SHOWN_SCORE` or more."""
    return instances.only(instances.scores >= SHOWN_SCORE)


def matches(seen: Instances, truth: Instances) -> NDArray[np.int64]:
    """Return for each truth the row of `shown` instances that finds it, or -1.

    Best score first, each instance takes the free truth that it overlaps most.
    """
    those = shown(seen)
    overlap = mask_iou(those.masks, truth.masks)
    taken = np.full(len(truth), -1, dtype=np.int64)
    for row in np.argsort(-those.scores, kind="stable"):
        if len(truth) and overlap[row].max() >= 0.5:
            best = overlap[row].argmax()
            taken[best] = row
            overlap[:, best] = 0
    return taken


def hits(seen: Instances, truth: Instances) -> Hits:
    """Count what a model found of a truth, what it missed, and what is no package."""
    found = int((matches(seen, truth) >= 0).sum())
    return Hits(found, len(truth) - found, len(shown(seen)) - found)


def view(
    title: str,
    frames: Sequence[LabelledFrame],
    before: Sequence[Instances],
    after: Sequence[Instances],
    most: int = 4,
) -> SliceView:
    """Compare two models on the pictures of a slice and choose those that show what changed.

    Those with the largest improvement in mistakes, one with the median change, and the one that
    got worst where any did.

    Args:
        title: Of the slice.
        frames: Its pictures with their truth, one or more.
        before: What the earlier model sees in them.
        after: What the later model sees in them.
        most: How many pictures to choose, 3 to 8.
    """
    was = [hits(seen, frame.truth) for seen, frame in zip(before, frames, strict=True)]
    now = [hits(seen, frame.truth) for seen, frame in zip(after, frames, strict=True)]
    gain = np.asarray([a.mistakes - b.mistakes for a, b in zip(was, now, strict=True)])
    return SliceView(
        title,
        len(frames),
        int((gain > 0).sum()),
        int((gain < 0).sum()),
        sum(was, Hits(0, 0, 0)),
        sum(now, Hits(0, 0, 0)),
        tuple(
            Comparison(caption, frames[i].image, before[i], after[i], frames[i].truth)
            for i, caption in _chosen(gain, most).items()
        ),
    )


def _chosen(gain: NDArray[np.int64], most: int) -> dict[int, str]:
    """Return the pictures to show and why, by what each gained."""
    order = np.argsort(-gain, kind="stable").tolist()
    best = [i for i in order[: most - 2] if gain[i] > 0]
    chosen = {i: f"{nth} improvement" for nth, i in zip(_ORDINALS, best, strict=False)}
    typical, worst = order[len(order) // 2], order[-1]
    chosen.setdefault(typical, "Typical: the median change")
    if gain[worst] < 0:
        chosen[worst] = "Where it got worse most"
    return chosen
