"""Labelled pictures become history: a part judges for ever, the rest is replayed in training."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil

from januscl.annotate import CocoPicture, CocoSet, Reject, group_of, validate_label
from januscl.core import (
    Deck,
    DeckItem,
    InvalidInput,
    Label,
    LabelledFrame,
    NotFound,
    Slice,
    Taxonomy,
)
from januscl.decks import Recipe, build_deck, check_disjoint, freeze_slice
from januscl.line.keeping import keep_labelled
from januscl.store import Transaction, Workspace

SOURCE = "history"
HELD_BACK = 1 / 5
"""Share of the pictures that judges."""
_FINEST, _LONGEST = 1000, 100

Load = Callable[[], LabelledFrame]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Remembered:
    """What of a set became history.

    Attributes:
        slice: What judges. Where nothing was new, the latest slice of history that was there.
        deck: What is replayed; None where nothing was new.
        known: Ids of the pictures that were passed over, for decks or slices hold them already.
        rejects: What was left out, with its reason.
    """

    slice: Slice
    deck: Deck | None
    known: tuple[str, ...]
    rejects: tuple[Reject, ...] = ()


def remember(
    workspace: Workspace, frames: Sequence[LabelledFrame], taxonomy: Taxonomy, at: datetime
) -> Slice:
    """Keep labelled frames as history; see `Line.remember`."""
    known = {item.id for item in _items(workspace.catalogue)}
    for frame in frames:
        if frame.id not in known:
            label = Label(frame.id, frame.truth, SOURCE, at)
            validate_label(label, frame.image.shape[:2], taxonomy)
    return _keep(workspace, {f.id: _given(f) for f in frames}, taxonomy, at).slice


def remember_set(
    workspace: Workspace,
    coco: CocoSet,
    at: datetime,
    name: str = SOURCE,
    held_back: float = HELD_BACK,
    progress: Progress | None = None,
) -> Remembered:
    """Keep an imported set as history, picture by picture, while others work with the workspace.

    Left out are pictures without a label, those that show a kind the champion does not know, and
    those whose label is wrong.

    Args:
        workspace: Where it is kept.
        coco: Read with the kinds of `known_kinds`.
        at: When.
        name: Of the slice; a number is added where another slice has it.
        held_back: Share of the pictures that judges; copies of one go one way.
        progress: Called with the pictures done, and their number.

    Raises:
        InvalidInput: The name or the share makes no sense, or there are too few pictures to teach
            and to judge.
        Conflict: Others remembered the same pictures meanwhile.
    """
    check_history(name, held_back)
    kinds = known_kinds(workspace)
    reasons = {picture.id: _unfit(picture, kinds, coco.taxonomy, at) for picture in coco.pictures}
    rejects = (*coco.rejects, *(Reject(id, why) for id, why in reasons.items() if why))
    fit = {p.id: p.frame for p in coco.pictures if not reasons[p.id]}
    if not fit:
        raise InvalidInput(
            "labelled history",
            f"pictures labelled with kinds that the champion knows: {_names(kinds)}",
            f"none in {len(coco.pictures)} pictures, labelled with {_names(coco.taxonomy, kinds)}",
            (f"{rejects[0].thing}: {rejects[0].reason}. " if rejects else "")
            + "Name the categories as the champion does, or begin a new site with kinds of its own "
            "by `janus begin`.",
        )
    done = _keep(workspace, fit, kinds, at, name, held_back, progress)
    return Remembered(done.slice, done.deck, done.known, rejects)


def check_history(name: str, held_back: float) -> None:
    """Raise `InvalidInput` unless a slice may be called so, and the share lies between 0 and 1."""
    if not (name.strip() == name and name.isprintable() and 0 < len(name) <= _LONGEST):
        raise InvalidInput(
            "name of the slice", f"1 to {_LONGEST} printable characters, no space around them",
            repr(name)[:120], "Call it `history`, for one.",
        )  # fmt: skip
    if not 1 / _FINEST <= held_back <= 1 - 1 / _FINEST:
        raise InvalidInput(
            "share that judges", "a number between 0 and 1", f"{held_back}", "Try 0.2."
        )


def known_kinds(workspace: Workspace) -> Taxonomy:
    """Return the kinds of the champion; of the shipped model, which becomes it, before that.

    What the champion does not know it cannot forget, so history shows no other kinds.
    """
    catalogue = workspace.catalogue
    try:
        return catalogue.models.get(catalogue.aliases.get("champion")).taxonomy
    except NotFound:
        from januscl.train import factory_model  # loads torch, which a champion's kinds do not need

        return factory_model().taxonomy


def hold_back_groups(ids: Sequence[str], share: float = HELD_BACK) -> set[str]:
    """Return the groups of copies that judge: about ``share`` of them, evenly spread.

    Args:
        ids: Of pictures, in their order; see `januscl.annotate.group_of`.
        share: Between 0 and 1.
    """
    part = Fraction(share).limit_denominator(_FINEST)
    groups = dict.fromkeys(group_of(id) for id in ids)
    return {g for k, g in enumerate(groups) if ceil(k * part) < ceil((k + 1) * part)}


def _keep(
    workspace: Workspace,
    pictures: Mapping[str, Load],
    taxonomy: Taxonomy,
    at: datetime,
    name: str = SOURCE,
    held_back: float = HELD_BACK,
    progress: Progress | None = None,
) -> Remembered:
    """Keep pictures whose labels were checked: a deck to replay from, and a slice."""
    with workspace.catalogue.database.turn(SOURCE):
        fresh, shown, known = _new_items(workspace, pictures, progress)
        if not fresh and known:
            return Remembered(_latest(workspace, name), None, known)
        back = _judging(workspace, [item.id for item in fresh], held_back)
        judge = [item for item in fresh if group_of(item.id) in back]
        teach = [item for item in fresh if group_of(item.id) not in back]
        _check_enough(judge, shown, "judge")
        _check_enough(teach, shown, "teach")
        deck = build_deck(teach, taxonomy=taxonomy, recipe=Recipe(), seed=0)
        with workspace.catalogue.transaction() as tx:
            part = freeze_slice(_free_name(tx, name), judge)
            check_disjoint(deck, [part, *tx.slices.list()])
            for other in tx.decks.list():
                check_disjoint(other, [part])
            tx.slices.put(part)
            tx.decks.put(deck)
            detail = {"slice": part.name, "judging": len(part.items), "teaching": len(deck.items)}
            tx.audit.record("line", "history.remembered", deck.id, detail, at)
    return Remembered(part, deck, known)


def _new_items(
    workspace: Workspace, pictures: Mapping[str, Load], progress: Progress | None
) -> tuple[list[DeckItem], set[str], tuple[str, ...]]:
    """Keep what is new; return it, which of it shows a package, and what was known.

    A picture is known by its id or by its pixels: under another name it is no other picture.
    """
    had = _items(workspace.catalogue)
    ids, images = {item.id for item in had}, {item.image for item in had}
    fresh, shown, known = list[DeckItem](), set[str](), list[str]()
    for number, (id, load) in enumerate(pictures.items(), start=1):
        if id in ids:
            known.append(id)
        else:
            frame = load()
            (item,) = keep_labelled(workspace, [frame], SOURCE)
            if item.image in images:
                known.append(id)
            else:
                images.add(item.image)
                fresh.append(item)
                shown |= {id} if len(frame.truth) else set()
        if progress is not None:
            progress(number, len(pictures))
    return fresh, shown, tuple(known)


def _judging(workspace: Workspace, ids: Sequence[str], share: float) -> set[str]:
    """Return the groups that judge: a copy goes the way that its photograph went before."""
    slices = workspace.catalogue.slices.list()
    judged = {group_of(item.id) for part in slices for item in part.items}
    taught = {group_of(item.id) for d in workspace.catalogue.decks.list() for item in d.items}
    free = [id for id in ids if group_of(id) not in judged | taught]
    return hold_back_groups(free, share) | (judged - taught)


def _items(catalogue: Transaction) -> list[DeckItem]:
    """Return what decks and slices hold."""
    held = [deck.items for deck in catalogue.decks.list()]
    held += [part.items for part in catalogue.slices.list()]
    return [item for items in held for item in items]


def _latest(workspace: Workspace, name: str) -> Slice:
    """Return the latest slice of history, of this name where there is one."""
    parts = [part for part in workspace.catalogue.slices.list() if part.novelty is None]
    named = [part for part in parts if part.name == name or part.name.startswith(f"{name} ")]
    if not parts:
        raise InvalidInput(
            "labelled history", "a picture that can judge", "only such as are learned from already",
            "Give other labelled frames of ordinary work.",
        )  # fmt: skip
    return (named or parts)[-1]


def _free_name(catalogue: Transaction, name: str) -> str:
    taken = {part.name for part in catalogue.slices.list()}
    names = [name, *(f"{name} {number}" for number in range(2, len(taken) + 2))]
    return next(free for free in names if free not in taken)


def _check_enough(items: Sequence[DeckItem], shown: Collection[str], purpose: str) -> None:
    if not any(item.id in shown for item in items):
        raise InvalidInput(
            "labelled history",
            f"a picture with a package that can {purpose}",
            f"{len(items)} pictures without any",
            "Give labelled frames of ordinary work; 200 are a good start.",
        )


def _unfit(picture: CocoPicture, kinds: Taxonomy, all_kinds: Taxonomy, at: datetime) -> str:
    """Return why a picture cannot be history; nothing where it can."""
    if not picture.labels:
        return "nothing in it is labelled"
    ids = {kind.id for kind in kinds}
    strange = sorted({all_kinds.kind(id).name for id in picture.labels if id not in ids})
    if strange:
        return f"it shows {', '.join(map(repr, strange))}, which the champion does not know"
    try:
        label = Label(picture.id, picture.truth, SOURCE, at)
        validate_label(label, (picture.height, picture.width), kinds)
    except InvalidInput as error:
        return str(error)
    return ""


def _names(kinds: Taxonomy, but: Taxonomy | None = None) -> str:
    names = [kind.name for kind in kinds if but is None or not but.has(kind.name)]
    return ", ".join(map(repr, names[:12])) or "nothing"


def _given(frame: LabelledFrame) -> Load:
    return lambda: frame
