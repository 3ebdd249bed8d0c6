"""Where instances lie in a model's embeddings, in two directions, novelties among known kinds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from januscl.core import UNEXPLAINED, Image, JanusError, NotFound, Novelty, Taxonomy
from januscl.line.report import crop_of, distinct
from januscl.line.telling import model_names, novelty_names
from januscl.line.watch_report.story import NoveltyMap, NoveltyPatch, Points, Spot
from januscl.store import ObservationRow, Workspace

Vectors = NDArray[np.float64]
Key = tuple[str, int]

MOST_MAPS, MOST_NOVELTIES = 4, 8
_MOST_MEMBERS, _MOST_ORDINARY = 300, 400
_LEAST, _LEAST_KNOWN = 5, 20
_BALANCED, _REPEATED = 300, 10
_TYPICAL, _CROPS, _CROP = 16, 6, 160


@dataclass
class _Seen:
    """What one model saw: instances of novelties, and ordinary ones by their kind."""

    novel: dict[str, list[tuple[Key, Vectors]]] = field(default_factory=lambda: defaultdict(list))
    known: list[tuple[int, Vectors]] = field(default_factory=list)
    first: str = ""


def novelty_maps(workspace: Workspace) -> tuple[tuple[NoveltyMap, ...], tuple[str, ...]]:
    """Return a map for each model that saw novelties, in order of time, and what is missing.

    Embeddings of two models cannot be compared, so each has a map of its own, of what it saw when
    it ran. The two directions are the main ones (PCA) of ordinary instances and novelties in equal
    numbers, so that neither the commonest kind nor the largest novelty alone decides.
    """
    novelties = _told(workspace)
    if not novelties:
        return (), ("No novelty has been found: nothing recurs that the model does not know.",)
    drawn, missing = novelties[:MOST_NOVELTIES], []
    if len(novelties) > len(drawn):
        rest = len(novelties) - len(drawn)
        missing.append(f"Of {len(novelties)} novelties, {rest} that cost less are not drawn.")
    seen, lost = _seen(workspace, drawn)
    if lost:
        missing.append(f"Of {lost} of their instances no embeddings were kept.")
    names = model_names(workspace)
    maps: list[NoveltyMap] = []
    for model in sorted(seen, key=lambda m: seen[m].first):
        found = seen[model]
        if any(len(rows) >= _LEAST for rows in found.novel.values()):
            if len(found.known) < _LEAST_KNOWN:
                name = names.get(model, model)
                missing.append(f"The {name} has no ordinary instances to draw novelties among.")
                continue
            maps.append(_map(workspace, drawn, found, model, names.get(model, model)))
    if not maps and not missing:
        missing.append(f"No novelty has {_LEAST} instances that one model saw.")
    if len(maps) > MOST_MAPS:
        missing.append(f"Of {len(maps)} models that saw novelties, the last {MOST_MAPS} are shown.")
    return tuple(maps[-MOST_MAPS:]), tuple(missing)


def _told(workspace: Workspace) -> list[Novelty]:
    """Return the novelties that have instances, costliest first; one that was merged has none."""
    catalogue = workspace.catalogue
    return [n for n in catalogue.novelties.list() if catalogue.novelties.members(n.id)]


def _seen(workspace: Workspace, novelties: Sequence[Novelty]) -> tuple[dict[str, _Seen], int]:
    """Return what each model saw, and of how many instances the embeddings are not there."""
    catalogue, lost = workspace.catalogue, 0
    seen: dict[str, _Seen] = defaultdict(_Seen)
    members: set[Key] = set()
    for novelty in novelties:
        keys = catalogue.novelties.members(novelty.id)
        members |= set(keys)
        drawn = _spread(keys, _MOST_MEMBERS)
        sighted = dict(_embedded(workspace, sorted({id for id, _ in drawn})))
        for id, place in drawn:
            if id not in sighted or place >= len(sighted[id][1]):
                lost += 1
                continue
            row, vectors = sighted[id]
            found = seen[row.model]
            found.novel[novelty.id].append(((id, place), vectors[place]))
            found.first = min(found.first or id, id)
    for id, (row, vectors) in _embedded(workspace, catalogue.observations.ordinary(_MOST_ORDINARY)):
        for place in row.instances.counted().tolist():
            kind = int(row.instances.labels[place])
            if kind != UNEXPLAINED and (id, place) not in members:
                seen[row.model].known.append((kind, vectors[place]))
    return seen, lost


def _embedded(
    workspace: Workspace, ids: Sequence[str]
) -> Iterator[tuple[str, tuple[ObservationRow, Vectors]]]:
    """Give observations with their embeddings ``(N, D)``, without those that lost them."""
    rows = [workspace.catalogue.observations.get(id) for id in ids]
    sent = workspace.log.bytes_of((r.id, r.embeddings) for r in rows if r.embeddings is not None)
    for row in rows:
        try:
            found = workspace.embeddings(row, sent).get("instances")
        except (JanusError, ValueError, OSError):  # gone, or damaged
            continue
        if found is not None and len(found) == len(row.instances):
            yield row.id, (row, found.astype(np.float64))


def _map(
    workspace: Workspace, novelties: Sequence[Novelty], seen: _Seen, model: str, name: str
) -> NoveltyMap:
    shown = [n for n in novelties if len(seen.novel[n.id]) >= _LEAST]
    known = np.stack([vector for _, vector in seen.known])
    novel = [np.stack([vector for _, vector in seen.novel[n.id]]) for n in shown]
    plane = PCA(2, random_state=0).fit(_balanced([known, *novel]))
    names, places = novelty_names(workspace), plane.transform(known)
    kinds = _spots(np.asarray([kind for kind, _ in seen.known]), places, _kinds(workspace, model))
    patches = tuple(
        NoveltyPatch(
            novelties.index(novelty),
            novelty.id,
            names[novelty.id],
            novelty.state,
            novelty.cost,
            plane.transform(vectors),
            novelty.instances,
            _typical(workspace, [key for key, _ in seen.novel[novelty.id]], vectors),
        )
        for novelty, vectors in zip(shown, novel, strict=True)
    )
    first, second = plane.explained_variance_ratio_.tolist()
    return NoveltyMap(name, model, places, kinds, patches, (first, second))


def _balanced(groups: Sequence[Vectors]) -> Vectors:
    """Return as many rows of each group, drawn with a fixed seed; of a small group fewer."""
    chance = np.random.default_rng(0)
    counts = [min(_BALANCED, _REPEATED * len(group)) for group in groups]
    drawn = [chance.integers(0, len(g), n) for g, n in zip(groups, counts, strict=True)]
    return np.concatenate([group[rows] for group, rows in zip(groups, drawn, strict=True)])


def _kinds(workspace: Workspace, model: str) -> dict[int, str]:
    try:
        taxonomy = workspace.catalogue.models.get(model).taxonomy
    except NotFound:  # a site's own model
        taxonomy = Taxonomy()
    return {kind.id: kind.name for kind in taxonomy}


def _spots(labels: NDArray[np.int64], places: Points, names: Mapping[int, str]) -> tuple[Spot, ...]:
    spots = []
    for label in np.unique(labels).tolist():
        here = places[labels == label]
        if len(here) >= _LEAST:
            x, y = np.median(here, axis=0).tolist()
            spots.append(Spot(names.get(label, f"kind {label}"), (x, y), len(here)))
    return tuple(sorted(spots, key=lambda spot: -spot.count))


def _typical(workspace: Workspace, keys: Sequence[Key], vectors: Vectors) -> tuple[Image, ...]:
    """Return crops of the instances nearest to the novelty's middle, one of each picture."""
    apart = np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1)
    chosen: dict[str, int] = {}
    for place in np.argsort(apart, kind="stable").tolist():
        observation, row = keys[place]
        chosen.setdefault(observation, row)
        if len(chosen) == _TYPICAL:
            break
    crops = []
    for observation, row in chosen.items():
        try:
            seen = workspace.observation(observation)
        except JanusError:  # its picture was not kept, or is damaged
            continue
        crops.append(crop_of(seen.frame.image, seen.instances.masks[row], _CROP))
    return distinct(crops, _CROPS)


def _spread(keys: Sequence[Key], count: int) -> Sequence[Key]:
    if len(keys) <= count:
        return keys
    return [keys[round(k * (len(keys) - 1) / (count - 1))] for k in range(count)]
