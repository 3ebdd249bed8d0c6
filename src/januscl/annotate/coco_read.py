"""COCO in: whatever is sound is taken over, whatever is not becomes a reject with its reason."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from januscl.annotate.coco_entries import Key, is_key, kinds_of, masks_of_pictures
from januscl.annotate.coco_set import CocoPicture, CocoSet, RejectLog
from januscl.core import InvalidInput, JanusError, NotFound, Taxonomy
from januscl.core.pictures import read_image

_JSON_TYPES = {list: "list", str: "text", int: "number", float: "number", bool: "truth value"}


def read_coco(
    json_path: Path,
    images: Path | None = None,
    taxonomy: Taxonomy | None = None,
    split: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> CocoSet:
    """Read a COCO instance-segmentation file and check every picture and annotation in it.

    Each picture is decoded once to know that it is whole and of the size that the file says.
    Masks come from polygons (see `rle_of_polygon`) or run lengths; boxes come from the masks.
    Crowd regions are rejected, as a gripper cannot pick one. A picture of which every annotation is
    rejected goes with them: it would teach that nothing is there.

    Args:
        json_path: The file.
        images: Folder of the pictures; beside the file or in its ``images`` folder when omitted.
        taxonomy: Kinds that are known already. A category of a known name gets that kind's id; a
            new one keeps its own id if that is free and above 0, else the next free one. Names
            are compared in lower case. Category 0 and categories that others name as their
            supercategory are left out when nothing is annotated with them.
        split: Set as the pictures' split, and put before file names that serve as ids.
        progress: Called with the pictures done and their number.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no COCO file.
    """
    document = _load(json_path)
    log = RejectLog(str(json_path))
    kinds, known = kinds_of(document, taxonomy or Taxonomy(), log)
    folders = [images] if images is not None else [json_path.parent, json_path.parent / "images"]
    pictures = _pictures(document, folders, split, log, progress)
    masks = masks_of_pictures(document, pictures, kinds, log)
    annotated = _annotated(document)
    filled = []
    for key, picture in pictures.items():
        if picture is None:
            continue
        if annotated[key] and not masks[key]:
            reason = f"none of its {annotated[key]} annotations can be used, so it is left out"
            log.add(f"image {key!r}", reason)
            continue
        rles = tuple(rle for rle, _ in masks[key])
        filled.append(replace(picture, masks=rles, labels=tuple(kind for _, kind in masks[key])))
    return CocoSet(known, tuple(filled), tuple(log.rejects))


def _annotated(document: Mapping[str, Any]) -> Counter[Key]:
    """Return how many annotations name each picture."""
    return Counter(
        a["image_id"]
        for a in document["annotations"]
        if isinstance(a, dict) and is_key(a.get("image_id"))
    )


def _load(path: Path) -> Mapping[str, Any]:
    thing, parts = f"COCO file {path}", ("images", "annotations", "categories")
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"{thing} does not exist; check the path") from error
    except OSError as error:
        raise InvalidInput(
            thing, "a file that can be read", f"{error.strerror}", "Check its permissions."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            thing, "JSON text", _not_json(error), "It is damaged or no JSON; export it again."
        ) from error
    if not isinstance(value, dict) or any(not isinstance(value.get(p), list) for p in parts):
        raise InvalidInput(
            thing,
            f"an object with the lists {', '.join(parts)}",
            _other_than(parts, value),
            "Export it as COCO instance segmentation.",
        )
    return value


def _not_json(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"text that is no JSON from line {error.lineno}, column {error.colno} on"
    if isinstance(error, UnicodeDecodeError):
        return "bytes that are no text"
    return f"text that cannot be read ({error})"[:120]


def _other_than(parts: Sequence[str], value: Any) -> str:
    """Say what a file holds in place of the lists ``parts``."""
    if not isinstance(value, dict):
        return f"a JSON {_JSON_TYPES.get(type(value), 'value')}"
    if not value:
        return "an empty object"
    no_lists = [repr(part) for part in parts if part in value and type(value[part]) is not list]
    if no_lists:
        return f"no list under {', '.join(no_lists)}"
    return f"an object with {', '.join(repr(key) for key in list(value)[:8])}"[:120]


def _pictures(
    document: Mapping[str, Any],
    folders: Sequence[Path],
    split: str,
    log: RejectLog,
    progress: Callable[[int, int], None] | None,
) -> dict[Key, CocoPicture | None]:
    """Return the pictures by the id that annotations use; None for one that was rejected."""
    entries = document["images"]
    annotated = _annotated(document)
    pictures: dict[Key, CocoPicture | None] = {}
    names: set[str] = set()
    for index, entry in enumerate(entries):
        if progress is not None:
            progress(index, len(entries))
        key = entry.get("id") if isinstance(entry, dict) else None
        if not is_key(key):
            log.add(f"image [{index}]", f"expected an object with an id, found {entry!r:.80}")
            continue
        if key in pictures:
            log.add(f"image {key!r} [{index}]", "its id stands twice; the first one is kept")
            continue
        try:
            picture = _picture(entry, folders, split)
            if picture.id in names:
                raise InvalidInput(
                    picture.id, "each picture once", "it twice", "Remove one of the two entries."
                )
            names.add(picture.id)
            pictures[key] = picture
        except JanusError as error:
            lost = f" Its {annotated[key]} annotations go with it." if annotated[key] else ""
            log.add(f"image {key!r}", f"{error}{lost}")
            pictures[key] = None
    if progress is not None:
        progress(len(entries), len(entries))
    return pictures


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


def _picture(entry: Mapping[str, Any], folders: Sequence[Path], split: str) -> CocoPicture:
    name, observation = entry.get("file_name"), entry.get("observation")
    inside = isinstance(name, str) and name not in ("", ".") and name.isprintable()
    if not inside or PurePosixPath(str(name)).is_absolute() or ".." in Path(str(name)).parts:
        raise InvalidInput(
            "file_name", "a path inside the set's folder", f"{name!r:.80}", "Mend the entry."
        )
    if isinstance(observation, str) and not (observation.isprintable() and len(observation) <= 200):
        raise InvalidInput(
            "observation", "an id of printable characters, 200 at most", f"{observation!r:.80}",
            "Mend the entry.",
        )  # fmt: skip
    places = [folder / str(name) for folder in folders]
    path = next((place for place in places if _is_file(place)), None)
    if path is None:
        raise NotFound(f"picture {name} is neither at {' nor at '.join(map(str, places))}")
    height, width = read_image(path).shape[:2]
    stated = (entry.get("height", height), entry.get("width", width))
    if stated != (height, width):
        raise InvalidInput(
            str(name),
            f"the size {stated[0]}x{stated[1]} that the COCO file states",
            f"{height}x{width}",
            "The picture was resized or turned after it was annotated.",
        )
    if isinstance(observation, str) and observation:
        id = observation
    else:
        id = f"{split}/{name}" if split else str(name)
    return CocoPicture(id, path, height, width, (), (), split)
