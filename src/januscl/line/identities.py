"""What a novelty is called, and which novelties are one thing, by what the labels say."""

from collections import Counter
from collections.abc import Mapping, Sequence

from januscl.core import Instances, Label, Novelty, NoveltyState, Taxonomy
from januscl.line.answers import Answers
from januscl.line.recalling import MERGED, rows_on
from januscl.store import Workspace
from januscl.triage import NoveltyDesk

_VOTES = 3
"""Labelled instances of one kind that make two novelties one."""


def christen(
    workspace: Workspace,
    desk: NoveltyDesk,
    novelty: str,
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    answers: Answers,
) -> Novelty:
    """Name a novelty by the kind that most of its labelled instances turned out to be.

    Other novelties that turn out to be of the same kind are one with it: a model may see one new
    thing in several ways. Not one that is closed: what the labels show is a look of that kind
    which its model does not know, and it leaves a slice of its own. Nor one that was named before,
    as one that came back, or has labels to come or to be used, for they are paid for.

    Args:
        workspace: Where novelties and observations are kept.
        desk: Who knows their members.
        novelty: Id of the one that was labelled.
        labels: Of its frames.
        taxonomy: The kinds that they name.
        answers: Which labels are still to come, or to be used.
    """
    truth = {label.observation: label.truth for label in labels}
    votes = _votes(workspace, desk, novelty, truth)
    if not votes:
        return desk.novelty(novelty)
    kind = taxonomy.kind(votes.most_common(1)[0][0])
    workspace.catalogue.novelties.put(desk.name(novelty, kind.name, kind.id))
    for other in desk.in_state(NoveltyState.NEW, NoveltyState.COLLECTING):
        if other.id == novelty or other.kind is not None or answers.outstanding(other.id):
            continue
        votes = _votes(workspace, desk, other.id, truth)
        if votes[kind.id] >= max(_VOTES, votes.total() / 2):
            merge(workspace, desk, novelty, other.id)
    return desk.novelty(novelty)


def _votes(
    workspace: Workspace, desk: NoveltyDesk, novelty: str, truth: Mapping[str, Instances]
) -> Counter[int]:
    """Return how many of a novelty's instances turned out to be of each kind, or a part of one."""
    votes: Counter[int] = Counter()
    for sighting in desk.members(novelty):
        if sighting.observation not in truth:
            continue
        seen = workspace.catalogue.observations.get(sighting.observation).instances
        known = truth[sighting.observation]
        places = rows_on(seen, [sighting.instance], known).values()
        votes.update(int(known.labels[place]) for place in places)
    return votes


def merge(workspace: Workspace, desk: NoveltyDesk, novelty: str, other: str) -> None:
    """Make two novelties one, with a row in the audit log; see `NoveltyDesk.merge`."""
    kept, gone = desk.merge(novelty, other)
    with workspace.catalogue.transaction() as tx:
        tx.novelties.put(kept)
        tx.novelties.put(gone)
        for id, keys in desk.joined().items():
            tx.novelties.assign(id, keys)
        tx.audit.record(
            "triage", MERGED, other, {"into": novelty, "name": kept.name}, kept.last_seen
        )
