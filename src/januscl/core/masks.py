"""Masks in two lossless forms: COCO run lengths, and id maps.

A **run-length mask** (`Rle`) is one region of one picture, with holes and any number of parts.
An **id map** is ``(H, W) int32``: 0 is background, ``k`` is the k-th instance of a list whose
masks do not overlap. Letters in comments: H rows, W columns, N masks, R runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core.errors import InvalidInput

BoolMask = NDArray[np.bool_]
IdMap = NDArray[np.int32]

MAX_PIXELS = 64_000_000
"""Rows times columns of the largest picture, and so of the largest mask, that is taken in."""


@dataclass(frozen=True, eq=False)
class Rle:
    """One mask as run lengths in column-major order, as COCO defines it.

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        counts: ``(R,) int64``, lengths of alternating runs of background and mask; the first run
            is background and may be 0. They sum to ``height * width``.

    Raises:
        InvalidInput: The runs are no row of whole numbers, are negative or do not fill the
            picture, or that has more than `MAX_PIXELS`.
    """

    height: int
    width: int
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise InvalidInput(
                "mask", "a size of at least 1x1", f"{self.height}x{self.width}", "Check its size."
            )
        pixels = self.height * self.width
        if pixels > MAX_PIXELS:
            raise InvalidInput(
                "mask",
                f"at most {MAX_PIXELS} pixels",
                f"{self.height}x{self.width}",
                "Check its size; a mask has the size of its picture.",
            )
        runs = self.counts
        if runs.ndim != 1 or not np.issubdtype(runs.dtype, np.integer):
            raise InvalidInput(
                "mask run lengths",
                "one row of whole numbers",
                f"shape {runs.shape} of {runs.dtype}",
                "Pass the counts as (R,) int64.",
            )
        # One by one first: the sum of huge runs wraps around and may look right.
        if ((runs < 0) | (runs > pixels)).any() or int(runs.sum()) != pixels:
            raise InvalidInput(
                "mask run lengths",
                f"non-negative runs that sum to {self.height}x{self.width}={pixels}",
                f"a sum of {sum(runs.tolist())}, the lowest run {min(runs.tolist(), default=0)}",
                "The mask belongs to a picture of another size, or is damaged.",
            )
        object.__setattr__(self, "counts", runs.astype(np.int64, copy=False))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Rle)
            and (self.height, self.width) == (other.height, other.width)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return hash((self.height, self.width, self.counts.tobytes()))

    @property
    def area(self) -> int:
        """Pixels in the mask."""
        return int(self.counts[1::2].sum())


def encode_mask(mask: NDArray[np.generic]) -> Rle:
    """Return the run lengths of a mask of shape ``(H, W)``; any non-zero value is inside."""
    if mask.ndim != 2:
        raise InvalidInput("mask", "shape (H, W)", f"shape {mask.shape}", "Pass one 2-D mask.")
    height, width = mask.shape
    flat = (mask != 0).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    counts = np.diff(bounds)
    if flat.size and flat[0]:
        counts = np.concatenate(([0], counts))
    return Rle(height, width, counts.astype(np.int64))


def decode_mask(rle: Rle) -> BoolMask:
    """Return the mask of shape ``(H, W) bool`` that ``rle`` encodes."""
    values = np.zeros(rle.counts.size, dtype=np.bool_)
    values[1::2] = True
    return np.repeat(values, rle.counts).reshape((rle.height, rle.width), order="F")


def counts_to_text(counts: NDArray[np.int64]) -> str:
    """Return COCO's compressed text of run lengths.

    Each run after the second is stored as its difference from the run two before it, in groups
    of five bits, lowest first, with a sixth bit that says another group follows; each group is
    one character from ``'0'`` on (pycocotools, ``common/maskApi.c``, ``rleToString``).
    """
    values = counts.astype(np.int64).copy()
    values[3:] -= counts[1:-2]
    letters: list[str] = []
    for value in values.tolist():
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            letters.append(chr((group | 0x20 if more else group) + 48))
    return "".join(letters)


def counts_from_text(text: str) -> NDArray[np.int64]:
    """Return the run lengths in COCO's compressed text; the inverse of `counts_to_text`.

    Raises:
        InvalidInput: The text has a character that is no group, ends inside a run, or holds a
            run that no picture is large enough for.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        group = ord(letter) - 48
        if not 0 <= group < 64 or shift > 40:
            raise InvalidInput(
                "mask run lengths", "COCO compressed text", repr(text[:40]), "The mask is damaged."
            )
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        if abs(counts[-1]) > MAX_PIXELS:
            raise InvalidInput(
                "mask run lengths",
                f"runs of at most {MAX_PIXELS} pixels",
                f"{counts[-1]}",
                "The mask is damaged.",
            )
        value, shift = 0, 0
    if shift:
        raise InvalidInput(
            "mask run lengths",
            "complete COCO text",
            f"{text[-10:]!r} at its end",
            "The text was cut short; send the mask again.",
        )
    return np.asarray(counts, dtype=np.int64)


def counts_from_texts(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return what `counts_from_text` does of each text; all at once, several times as fast.

    Raises:
        InvalidInput: As `counts_from_text` does, for the first text that is damaged.
    """
    found = _counts_of_sound(texts)
    return [counts_from_text(text) for text in texts] if found is None else found


def _counts_of_sound(texts: Sequence[str]) -> list[NDArray[np.int64]] | None:
    """Return the run lengths of texts without any fault; None where there may be one."""
    joined = "".join(texts)
    if not joined or not joined.isascii() or not all(texts):
        return None
    groups = np.frombuffer(joined.encode(), np.uint8).astype(np.int64) - 48
    text_ends = np.cumsum([len(text) for text in texts]) - 1
    if ((groups < 0) | (groups > 63)).any() or (groups[text_ends] > 31).any():
        return None
    last = np.flatnonzero(groups < 0x20)  # no group of the same run follows
    starts = np.concatenate(([0], last[:-1] + 1))
    lengths = last - starts + 1
    if lengths.max(initial=0) > 9:
        return None
    places = np.arange(groups.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((groups & 0x1F) << 5 * places, starts)
    values -= np.where(groups[last] & 0x10, 1 << 5 * lengths, 0)
    if np.abs(values).max() > 2 * MAX_PIXELS:  # sums of larger ones could wrap around
        return None
    found = np.split(values, np.searchsorted(last, text_ends[:-1]) + 1)
    for counts in found:
        counts[1::2] = np.cumsum(counts[1::2])
        counts[2::2] = np.cumsum(counts[2::2])
    return None if np.abs(values).max() > MAX_PIXELS else found


def check_sizes(masks: Sequence[Rle], size: tuple[int, ...], thing: str, fix: str) -> None:
    """Raise `InvalidInput` when a mask of ``thing`` has not these rows and columns."""
    for index, rle in enumerate(masks):
        if (rle.height, rle.width) != size:
            raise InvalidInput(
                f"mask {index} of {thing}",
                f"size {size[0]}x{size[1]}",
                f"{rle.height}x{rle.width}",
                fix,
            )


def masks_of(id_map: IdMap, count: int | None = None) -> tuple[Rle, ...]:
    """Split an id map ``(H, W)`` into its masks; the k-th mask is where the map holds k + 1.

    Args:
        id_map: 0 for background, 1..N for the instances.
        count: N, when trailing instances may be wholly hidden; the largest id when omitted.
    """
    count = int(id_map.max(initial=0)) if count is None else count
    return tuple(encode_mask(id_map == k + 1) for k in range(count))


def id_map_of(masks: Sequence[Rle], height: int, width: int) -> IdMap:
    """Merge masks into an id map ``(H, W) int32``; where masks overlap the later one wins.

    Lossless for masks that do not overlap, as visible masks never do.

    Raises:
        InvalidInput: A mask has another size than ``(height, width)``.
    """
    check_sizes(masks, (height, width), "the frame", "All masks of a frame have the frame's size.")
    id_map = np.zeros((height, width), dtype=np.int32)
    for index, rle in enumerate(masks):
        id_map[decode_mask(rle)] = index + 1
    return id_map


def box_of(mask: BoolMask) -> NDArray[np.float32]:
    """Return the tight box ``(4,) float32 xyxy px`` of a mask ``(H, W)``; zeros when empty.

    The right and lower edges are exclusive: a single pixel at (0, 0) has the box (0, 0, 1, 1).
    """
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return np.zeros(4, dtype=np.float32)
    return np.asarray((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), dtype=np.float32)


def box_of_rle(rle: Rle) -> NDArray[np.float32]:
    """Return the tight box ``(4,) float32 xyxy px`` of a mask, read off its runs.

    The right and lower edges are exclusive; zeros when the mask is empty.
    """
    starts = np.cumsum(rle.counts)[::2][: rle.counts.size // 2]
    lengths = rle.counts[1::2]
    starts, lengths = starts[lengths > 0], lengths[lengths > 0]
    if starts.size == 0:
        return np.zeros(4, dtype=np.float32)
    top, last = starts % rle.height, starts + lengths - 1
    # A run that goes on in the next column touches both the lower and the upper edge.
    tall = bool((top + lengths > rle.height).any())
    return np.asarray(
        (
            starts[0] // rle.height,
            0 if tall else top.min(),
            last[-1] // rle.height + 1,
            rle.height if tall else (top + lengths).max(),
        ),
        dtype=np.float32,
    )


def mask_iou(left: Sequence[Rle], right: Sequence[Rle]) -> NDArray[np.float64]:
    """Return the intersection over union ``(len(left), len(right))`` of every pair of masks."""
    shared, a, b = _shared(left, right)
    union = a[:, None] + b[None, :] - shared
    overlap: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, union, out=overlap, where=union > 0)
    return overlap


def mask_cover(left: Sequence[Rle], right: Sequence[Rle]) -> NDArray[np.float64]:
    """Return which share of each left mask lies on each right one, ``(len(left), len(right))``."""
    shared, a, _ = _shared(left, right)
    cover: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, a[:, None], out=cover, where=a[:, None] > 0)
    return cover


def _shared(
    left: Sequence[Rle], right: Sequence[Rle]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the pixels that each pair shares, and the pixels of each mask."""
    if not left or not right:
        return np.zeros((len(left), len(right))), np.zeros(len(left)), np.zeros(len(right))
    a = np.stack([decode_mask(rle).ravel() for rle in left]).astype(np.float32)
    b = np.stack([decode_mask(rle).ravel() for rle in right]).astype(np.float32)
    return (
        (a @ b.T).astype(np.float64),
        a.sum(axis=1, dtype=np.float64),
        b.sum(axis=1, dtype=np.float64),
    )
