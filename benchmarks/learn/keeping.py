"""Labelled pictures of one size on disk, with nothing lost but where masks overlap."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from januscl.core import Instances, LabelledFrame, id_map_of, masks_of
from januscl.core.files import write_atomically


def write_frames(path: Path, frames: Sequence[LabelledFrame]) -> None:
    """Write pictures of one size, each with fewer than 256 instances."""
    most = max(len(frame.truth) for frame in frames)
    labels = np.zeros((len(frames), most), dtype=np.int64)
    for row, frame in zip(labels, frames, strict=True):
        row[: len(frame.truth)] = frame.truth.labels
    maps = [id_map_of(f.truth.masks, *f.image.shape[:2]).astype(np.uint8) for f in frames]
    staged = path.with_suffix(".part.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        staged, images=np.stack([f.image for f in frames]), ids=np.stack(maps), labels=labels
    )
    write_atomically(path, staged.read_bytes())
    staged.unlink()


def read_frames(path: Path) -> list[LabelledFrame]:
    """Return what `write_frames` wrote; ids follow from the file's name."""
    with np.load(path, allow_pickle=False) as kept:
        images, ids, labels = kept["images"], kept["ids"], kept["labels"]
    frames = []
    for k, (image, id_map, row) in enumerate(zip(images, ids, labels, strict=True)):
        kinds = row[row > 0].tolist()
        truth = Instances.of_masks(masks_of(id_map.astype(np.int32), len(kinds)), kinds)
        frames.append(LabelledFrame(f"{path.stem}-{k}", image, truth))
    return frames
