"""Where in a folder the COCO files lie, and all of them as one set."""

from collections.abc import Callable
from pathlib import Path

from januscl.annotate.coco_read import read_coco
from januscl.annotate.coco_set import SPLITS, CocoPicture, CocoSet, Reject
from januscl.core import InvalidInput, NotFound, Taxonomy

_NAMES = ("_annotations.coco.json", "annotations.coco.json", "annotations.json")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def find_coco(path: Path) -> list[Path]:
    """Return the COCO files that a path stands for.

    A file stands for itself. A folder stands for the file in it that has a usual name
    (``_annotations.coco.json``, ``annotations.coco.json``, ``annotations.json``), else for all of
    its ``instances_*.json``, else for those of its folders ``train``, ``valid``, ``val`` and
    ``test``.

    Raises:
        NotFound: The path does not exist.
        InvalidInput: The folder holds no COCO file under these names.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise NotFound(f"{path} does not exist; pass a COCO file or a folder that holds one")
    found = _in_folder(path) or [
        file for name in SPLITS if (path / name).is_dir() for file in _in_folder(path / name)
    ]
    if not found:
        raise _no_coco(path)
    return found


def _no_coco(folder: Path) -> InvalidInput:
    names = sorted(entry.name for entry in folder.iterdir())
    alone = any(name.lower().endswith(_PICTURES) for name in names)
    return InvalidInput(
        f"folder {folder}",
        f"one of {', '.join(_NAMES)} or instances_*.json, in it or in {', '.join(SPLITS)}",
        ", ".join(names[:6]) or "nothing",
        "Pass the COCO file itself"
        + ("; `janus replay` takes a folder of pictures with --labels COCO." if alone else "."),
    )


def _in_folder(folder: Path) -> list[Path]:
    usual = [folder / name for name in _NAMES if (folder / name).is_file()]
    return usual[:1] or sorted(folder.glob("instances_*.json"))


def read_set(
    path: Path,
    taxonomy: Taxonomy | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CocoSet:
    """Read all COCO files that a path stands for as one set under one taxonomy.

    Where there are several, each picture carries its split: the name of the file's folder, or
    what follows ``instances_`` in its name. A picture that stands in two files is kept once.

    Args:
        path: See `find_coco`.
        taxonomy: See `read_coco`.
        progress: Called with the pictures done and their number, for each file anew.

    Raises:
        NotFound, InvalidInput: As `find_coco` and `read_coco` do.
    """
    files = find_coco(path)
    known = taxonomy or Taxonomy()
    pictures: dict[str, CocoPicture] = {}
    rejects: list[Reject] = []
    for file in files:
        split = _split_of(file) if len(files) > 1 else ""
        part = read_coco(file, taxonomy=known, split=split, progress=progress)
        known = part.taxonomy
        rejects.extend(part.rejects)
        for picture in part.pictures:
            if picture.id in pictures:
                rejects.append(Reject(f"{file}: {picture.id}", "it stands in an earlier file too"))
            else:
                pictures[picture.id] = picture
    return CocoSet(known, tuple(pictures.values()), tuple(rejects))


def _split_of(file: Path) -> str:
    return file.stem.removeprefix("instances_") if "instances_" in file.stem else file.parent.name
