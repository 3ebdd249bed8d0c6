"""Which of the old pictures are shown again beside the new ones."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from januscl.core import DeckItem, InvalidInput

_NOTHING = (0,)
"""The kind, in the balance, of a picture without instances: the background."""


def choose_replay(
    history: Sequence[DeckItem],
    count: int,
    seed: int,
    labels: Mapping[str, Sequence[int]] | None = None,
) -> tuple[DeckItem, ...]:
    """Return at most ``count`` items of ``history``, the same ones for the same seed.

    Without labels every item is as likely as another. With labels the next item is always one
    that shows the kind with the fewest instances so far, so that rare kinds are replayed as often
    as common ones; pictures without instances count as a kind of their own.

    Args:
        history: Labelled pictures of the past; the order does not matter.
        count: How many to take.
        seed: Of the choice.
        labels: Class ids of each item's instances, by the item's id. An item that is not named
            has none.

    Raises:
        InvalidInput: ``count`` is negative.
    """
    if count < 0:
        raise InvalidInput("replay", "0 or more frames", f"{count}", "Say how many to replay.")
    pool = sorted(history, key=lambda item: item.id)
    order = np.random.default_rng(seed).permutation(len(pool))
    shuffled = [pool[int(i)] for i in order]
    if labels is None or count >= len(shuffled):
        return tuple(sorted(shuffled[:count], key=lambda item: item.id))
    kinds = {item.id: tuple(labels.get(item.id, ())) or _NOTHING for item in shuffled}
    waiting: dict[int, list[DeckItem]] = {}
    for item in reversed(shuffled):
        for kind in sorted(set(kinds[item.id])):
            waiting.setdefault(kind, []).append(item)
    shown: Counter[int] = Counter()
    chosen: dict[str, DeckItem] = {}
    while len(chosen) < count:
        kind = min(waiting, key=lambda k: (shown[k], k))
        item = waiting[kind].pop()
        if not waiting[kind]:
            del waiting[kind]
        if item.id not in chosen:
            chosen[item.id] = item
            shown.update(kinds[item.id])
    return tuple(chosen[id] for id in sorted(chosen))
