"""The categories and annotations of a COCO file, each checked on its own."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from januscl.annotate.coco_set import CocoPicture, RejectLog
from januscl.annotate.outline import read_mask
from januscl.core import InvalidInput, Kind, Rle, Taxonomy

Key = int | str
"""What COCO files use as ids."""

_HIGHEST_ID = 2**31 - 1
_LONGEST = 100


def is_key(value: Any) -> TypeGuard[Key]:
    """Say whether a JSON value can be an id."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_name(value: str) -> bool:
    return value.isprintable() and 1 <= len(value) <= _LONGEST


def kinds_of(
    document: Mapping[str, Any], taxonomy: Taxonomy, log: RejectLog
) -> tuple[dict[Key, int], Taxonomy]:
    """Return the class id of each category id, and the taxonomy with the new kinds added."""
    entries = [c for c in document["categories"] if isinstance(c, dict)]
    used = {
        a.get("category_id")
        for a in document["annotations"]
        if isinstance(a, dict) and is_key(a.get("category_id"))
    }
    above = [(c.get("name"), c.get("supercategory")) for c in entries]
    parents = {parent for name, parent in above if isinstance(parent, str) and parent != name}
    kinds: dict[Key, int] = {}
    for index, entry in enumerate(document["categories"]):
        key = entry.get("id") if isinstance(entry, dict) else None
        name = entry.get("name") if isinstance(entry, dict) else None
        if not is_key(key) or not isinstance(name, str) or not _is_name(name.strip()):
            log.add(
                f"category [{index}]",
                f"expected an id and a name of 1 to {_LONGEST} printable characters, found "
                f"{entry!r:.80}",
            )
            continue
        if key in kinds:
            log.add(f"category {key!r} [{index}]", "its id stands twice; the first one is kept")
            continue
        if key not in used and (key == 0 or name in parents):
            continue
        kinds[key], taxonomy = _kind(taxonomy, key, name.strip().lower(), entry)
    return kinds, taxonomy


def _kind(
    taxonomy: Taxonomy, key: Key, name: str, entry: Mapping[str, Any]
) -> tuple[int, Taxonomy]:
    if taxonomy.has(name):
        return taxonomy.named(name).id, taxonomy
    taken = {kind.id for kind in taxonomy}
    free = isinstance(key, int) and 1 <= key <= _HIGHEST_ID and key not in taken
    id = int(key) if free else max(taken, default=0) + 1
    shape = entry.get("shape")
    kind = Kind(
        id,
        name,
        shape if isinstance(shape, str) and _is_name(shape) else "unknown",
        entry.get("retired") is True,
    )
    return id, Taxonomy((*taxonomy.kinds, kind))


def masks_of_pictures(
    document: Mapping[str, Any],
    pictures: Mapping[Key, CocoPicture | None],
    kinds: Mapping[Key, int],
    log: RejectLog,
) -> dict[Key, list[tuple[Rle, int]]]:
    """Return the masks and class ids by picture, in the order of the file."""
    found: dict[Key, list[tuple[Rle, int]]] = {key: [] for key in pictures}
    seen: set[Key] = set()
    for index, entry in enumerate(document["annotations"]):
        if not isinstance(entry, dict):
            log.add(f"annotation [{index}]", f"expected an object, found {entry!r:.80}")
            continue
        id, image, category = (entry.get(k) for k in ("id", "image_id", "category_id"))
        thing = f"annotation {id!r}" if is_key(id) else f"annotation [{index}]"
        if is_key(id) and id in seen:
            log.add(f"{thing} [{index}]", "its id stands twice; the first one is kept")
        elif not is_key(image) or image not in pictures:
            log.add(thing, _nameless("image", entry, image))
        elif not is_key(category) or category not in kinds:
            log.add(thing, _nameless("category", entry, category))
        elif entry.get("iscrowd") not in (0, None, False):
            log.add(thing, "it is a crowd region, which covers packages that nobody outlined")
        elif (picture := pictures[image]) is not None:
            try:
                rle = read_mask(entry.get("segmentation"), picture.height, picture.width, thing)
                found[image].append((rle, kinds[category]))
            except InvalidInput as error:
                log.add(thing, str(error))
        if is_key(id):
            seen.add(id)
    return found


def _nameless(what: str, entry: Mapping[str, Any], id: Any) -> str:
    """Say that an annotation names no image or category of the file."""
    if f"{what}_id" not in entry:
        return f"it has no {what}_id, so nobody can tell which {what} it is of"
    return f"there is no {what} with the id {id!r:.40}"
