"""The pictures in which two models differ most, over all slices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from januscl.core import Instances, LabelledFrame, mask_iou
from januscl.line.report.sights import hits, shown
from januscl.line.report.story import Comparison, Hits, SliceView
from januscl.line.report.words import count


@dataclass(frozen=True, eq=False)
class Judged:
    """What two models see in the pictures of a slice.

    Attributes:
        name: Of the slice.
        frames: Its pictures with their truth.
        before, after: What the earlier and the later model see, one for each picture.
    """

    name: str
    frames: Sequence[LabelledFrame]
    before: Sequence[Instances]
    after: Sequence[Instances]


def changes(slices: Sequence[Judged], most: int = 20) -> SliceView:
    """Choose the pictures in which the later model made more or fewer mistakes, most first.

    Of pictures with as many mistakes those come first whose outlines fit better or worse; one in
    which nothing changed is not chosen.

    Args:
        slices: One or more.
        most: How many pictures to choose.
    """
    pairs = [
        (part.name, frame, before, after)
        for part in slices
        for frame, before, after in zip(part.frames, part.before, part.after, strict=True)
    ]
    was = [hits(before, frame.truth) for _, frame, before, _ in pairs]
    now = [hits(after, frame.truth) for _, frame, _, after in pairs]
    gain = [a.mistakes - b.mistakes for a, b in zip(was, now, strict=True)]
    fit = [_fit(after, f.truth) - _fit(before, f.truth) for _, f, before, after in pairs]
    order = sorted(range(len(pairs)), key=lambda i: (-abs(gain[i]), -abs(fit[i])))
    chosen = [i for i in order[:most] if gain[i] or fit[i]]
    return SliceView(
        "What changed most",
        len(pairs),
        sum(g > 0 for g in gain),
        sum(g < 0 for g in gain),
        sum(was, Hits(0, 0, 0)),
        sum(now, Hits(0, 0, 0)),
        tuple(
            Comparison(
                f"{pairs[i][0]}: {_told(gain[i])}",
                pairs[i][1].image,
                pairs[i][2],
                pairs[i][3],
                pairs[i][1].truth,
            )
            for i in chosen
        ),
    )


def _fit(seen: Instances, truth: Instances) -> float:
    """Return the mean over the packages of the best IoU that an outline has with each."""
    those = shown(seen)
    if not len(truth) or not len(those):
        return 0.0
    return float(np.max(mask_iou(those.masks, truth.masks), axis=0).mean())


def _told(gain: int) -> str:
    if not gain:
        return "outlines changed"
    return f"{count(abs(gain), 'mistake')} {'fewer' if gain > 0 else 'more'}"
