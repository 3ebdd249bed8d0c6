"""One model's scores taken apart: by kind, by size, and by how well outlines fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from januscl.core import Instances, Taxonomy
from januscl.evaluate.ap import KindScores, average_precision
from januscl.evaluate.boundary import boundary_scores
from januscl.evaluate.ranges import size_scores


@dataclass(frozen=True)
class GroupScores:
    """AP of one group of packages, in 0..1.

    Attributes:
        by: What groups them: ``kind``, ``size`` or ``outline``.
        name: Of the group; of ``outline`` there is one, ``all``, scored by boundary AP.
        truths: Packages in the group.
        ap: Class-agnostic mask AP; see `average_precision`, `size_scores` and `boundary_scores`.
    """

    by: str
    name: str
    truths: int
    ap: float


def breakdown(
    truths: Sequence[Instances], predictions: Sequence[Instances], taxonomy: Taxonomy
) -> tuple[GroupScores, ...]:
    """Score F frames by kind, by size, and by outline.

    Two models give the same groups in the same order for the same truths.

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.
        taxonomy: Gives the kinds their names.

    Raises:
        InvalidInput: The lengths differ, masks of one frame differ in size, or no frame has a
            truth.
        NotFound: A truth has a class id that is not in the taxonomy.
    """
    kinds = average_precision(truths, predictions).kinds
    parts: list[tuple[str, str, KindScores]] = [
        ("kind", taxonomy.kind(id).name, scores) for id, scores in kinds.items()
    ]
    sizes = size_scores(truths, predictions)
    parts += [("size", name, scores) for name, scores in sizes.items()]
    parts.append(("outline", "all", boundary_scores(truths, predictions)))
    return tuple(GroupScores(by, name, s.truths, s.ap) for by, name, s in parts)
