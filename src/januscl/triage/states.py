"""The way of a novelty: which state may follow which."""

from collections.abc import Mapping
from dataclasses import replace

from januscl.core import Conflict, Novelty, NoveltyState

_ENDS = frozenset({NoveltyState.COLLECTING, NoveltyState.DISMISSED})
MOVES: Mapping[NoveltyState, frozenset[NoveltyState]] = {
    NoveltyState.NEW: _ENDS,
    NoveltyState.COLLECTING: frozenset({NoveltyState.LABELLING, NoveltyState.DISMISSED}),
    NoveltyState.LABELLING: _ENDS | {NoveltyState.IN_DECK},
    NoveltyState.IN_DECK: _ENDS | {NoveltyState.IN_RELEASE},
    NoveltyState.IN_RELEASE: _ENDS | {NoveltyState.CLOSED},
    NoveltyState.REGRESSED: _ENDS,
    NoveltyState.CLOSED: frozenset(),
    NoveltyState.DISMISSED: frozenset(),
}
"""Where a novelty may be moved from each state. Only its instances make a closed one regressed."""


def moved(novelty: Novelty, state: NoveltyState) -> Novelty:
    """Return the novelty in another state.

    Raises:
        Conflict: `MOVES` does not lead there.
    """
    if state not in MOVES[novelty.state]:
        ways = ", ".join(sorted(MOVES[novelty.state])) or "nothing else"
        raise Conflict(
            f"novelty {novelty.id} is {novelty.state}; it cannot become {state}, but {ways}"
        )
    return replace(novelty, state=state)
