"""The rows of a report: AP of each slice and of each kind in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from januscl.core import Instances, InvalidInput, Taxonomy
from januscl.evaluate.ap import average_precision


@dataclass(frozen=True)
class SliceRow:
    """One line of the table; AP in 0..1.

    Attributes:
        slice: Name of the slice.
        kind: Name of the kind; None for all kinds together.
        frames: Pictures in the slice.
        truths: Instances of the kind in them.
        ap, ap50, ap75: Class-agnostic mask AP, see `average_precision`.
    """

    slice: str
    kind: str | None
    frames: int
    truths: int
    ap: float
    ap50: float
    ap75: float


def slice_table(
    truths: Mapping[str, Sequence[Instances]],
    predictions: Mapping[str, Sequence[Instances]],
    taxonomy: Taxonomy,
) -> tuple[SliceRow, ...]:
    """Score one model on every slice: a row for the slice, then one for each kind in it.

    Args:
        truths: Name of each slice to the truths of its frames.
        predictions: The same names to what the model saw in the same frames.
        taxonomy: Gives the kinds their names.

    Raises:
        InvalidInput: A slice has no predictions, or is refused by `average_precision`.
        NotFound: A truth has a class id that is not in the taxonomy.
    """
    missing = sorted(set(truths) - set(predictions))
    if missing:
        raise InvalidInput(
            "predictions", "every slice", f"none for {missing}", "Run the model on every slice."
        )
    rows: list[SliceRow] = []
    for name, truth in truths.items():
        scores = average_precision(truth, predictions[name])
        rows.append(
            SliceRow(name, None, scores.frames, scores.truths, scores.ap, scores.ap50, scores.ap75)
        )
        rows += [
            SliceRow(name, taxonomy.kind(id).name, scores.frames, k.truths, k.ap, k.ap50, k.ap75)
            for id, k in scores.kinds.items()
        ]
    return tuple(rows)
