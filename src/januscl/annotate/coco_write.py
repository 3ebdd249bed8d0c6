"""COCO out: every mask as run lengths, so that reading it again gives the same pixels."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from januscl.core import InvalidInput, LabelledFrame, Taxonomy
from januscl.core.files import room_for, write_atomically
from januscl.core.pictures import encode_png
from januscl.core.wire import rle_to_json


def write_coco(path: Path, frames: Iterable[LabelledFrame], taxonomy: Taxonomy) -> int:
    """Write frames as a COCO file with PNG pictures in ``images/`` beside it; return how many.

    The file appears whole or not at all. `read_coco` gives back the same ids, pixels, masks, class
    ids and kinds; other tools find the usual fields and may ignore ``observation``, ``shape`` and
    ``retired``.

    Args:
        path: The JSON file; folders on the way are made, an older file is replaced.
        frames: Read one at a time.
        taxonomy: The kinds that the labels speak of.

    Raises:
        InvalidInput: A label is not in the taxonomy, a mask has not its picture's size or is
            empty, or an id stands twice.
        StorageFull: There is no room; an older file is as it was.
    """
    with room_for(path):
        (path.parent / "images").mkdir(parents=True, exist_ok=True)
        images, annotations = _entries(path.parent, frames, taxonomy)
    document = {
        "info": {"description": "Janus"},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": k.id, "name": k.name, "supercategory": "package", "shape": k.shape,
             "retired": k.retired}
            for k in taxonomy
        ],
    }  # fmt: skip
    write_atomically(path, json.dumps(document, allow_nan=False).encode())
    return len(images)


def _entries(
    folder: Path, frames: Iterable[LabelledFrame], taxonomy: Taxonomy
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    written: set[str] = set()
    for number, frame in enumerate(frames, start=1):
        height, width = frame.image.shape[:2]
        taxonomy.check_labels(frame.truth.labels.tolist(), f"labels of frame {frame.id}")
        if frame.id in written:
            raise InvalidInput("export", "each frame once", f"{frame.id} twice", "Pass it once.")
        written.add(frame.id)
        name = f"images/{quote(frame.id, safe=' ')}.png"
        (folder / name).write_bytes(encode_png(frame.image))
        images.append({"id": number, "file_name": name, "height": height, "width": width,
                       "observation": frame.id})  # fmt: skip
        for rle, box, label in zip(
            frame.truth.masks, frame.truth.boxes, frame.truth.labels, strict=True
        ):
            if (rle.height, rle.width) != (height, width) or rle.area == 0:
                raise InvalidInput(
                    f"mask of frame {frame.id}",
                    f"size {height}x{width} and at least one pixel",
                    f"{rle.height}x{rle.width} with {rle.area}",
                    "Masks have the size of their picture.",
                )
            left, top, right, bottom = (float(v) for v in box)
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": int(label),
                 "segmentation": rle_to_json(rle), "area": rle.area, "iscrowd": 0,
                 "bbox": [left, top, right - left, bottom - top]}
            )  # fmt: skip
    return images, annotations
