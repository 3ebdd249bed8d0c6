"""The kinds of a site: those that its models know, and those that people named since.

A kind gets its id by an act of its own, never by a label: a slip of the pen would have an id for
ever.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from unicodedata import normalize

from januscl.core import Conflict, InvalidInput, Kind, NotFound, Taxonomy
from januscl.store import Catalogue, Transaction

NAMED = "kind.named"
"""In the audit log: a person named a kind; the row's subject is its name."""
_WORDS = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
_LONGEST, _LONGEST_SHAPE = 60, 30


def kinds_of(catalogue: Catalogue | Transaction) -> Taxonomy:
    """Return all kinds that labels may name: the champion's, those of other models, those named.

    Where two of them disagree, the champion's stand. Without a champion there are none.
    """
    try:
        champion = catalogue.aliases.get("champion")
    except NotFound:
        return Taxonomy()
    found: dict[int, Kind] = {}
    names = set[str]()
    for kind in _all(catalogue, champion):
        if kind.id not in found and kind.name not in names:
            found[kind.id] = kind
            names.add(kind.name)
    return Taxonomy(tuple(found.values()))


def name_kind(catalogue: Catalogue, name: str, shape: str, actor: str, at: datetime) -> Kind:
    """Give a kind that no model knows yet its permanent id, the next that was never used.

    Asked again, it is the same kind.

    Args:
        catalogue: Keeps it.
        name: Lower-case words of letters and digits, with one space or hyphen between them.
        shape: The shape a gripper meets, such as ``box`` or ``soft``; likewise.
        actor: Who named it.
        at: When.

    Raises:
        InvalidInput: The name or the shape is written otherwise.
        Conflict: There is no champion yet, or the name belongs to a kind of another shape or to
            one that is retired.
    """
    name = _words(name, "name of a kind", _LONGEST)
    shape = _words(shape, "shape of a kind", _LONGEST_SHAPE)
    with catalogue.database.turn("kinds"), catalogue.transaction() as tx:
        known = kinds_of(tx)
        check_kinds(known)
        if known.has(name):
            kind = known.named(name)
            if kind.retired or shape not in (kind.shape, "unknown"):
                raise Conflict(
                    f"kind {name!r} exists already, under id {kind.id}, of shape {kind.shape}"
                    f"{', and is retired' if kind.retired else ''}; names are never used again"
                )
            return kind
        kind = Kind(_next_id(tx), name, shape)
        tx.kinds.add(kind)
        tx.audit.record(actor, NAMED, name, {"id": kind.id, "shape": shape}, at)
    return kind


def check_kinds(known: Taxonomy) -> None:
    """Raise `Conflict` where nobody can tell which kinds there are."""
    if not len(known):
        raise Conflict("there is no champion yet, and so there are no kinds to label")


def _all(catalogue: Catalogue | Transaction, champion: str) -> Iterator[Kind]:
    """Give the champion's kinds, those that were named, and those of all other models."""
    yield from catalogue.models.get(champion).taxonomy
    yield from catalogue.kinds.list()
    for model in catalogue.models.list():
        yield from model.taxonomy


def _next_id(catalogue: Transaction) -> int:
    # Also above kinds that the champion's hide: an id is never used again.
    ids: list[int] = [kind.id for model in catalogue.models.list() for kind in model.taxonomy]
    ids += [kind.id for kind in catalogue.kinds.list()]
    return 1 + max(ids)


def _words(text: str, thing: str, longest: int) -> str:
    written = normalize("NFC", text)
    if len(written) > longest or written != written.lower() or not _WORDS.fullmatch(written):
        raise InvalidInput(
            thing, f"lower-case words, {longest} characters at most", repr(text)[:80],
            "Write it like `black bag`.",
        )  # fmt: skip
    return written
