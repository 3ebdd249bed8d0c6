"""The kinds of package a fleet knows, under ids that never change."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from januscl.core.errors import Conflict, InvalidInput, NotFound


@dataclass(frozen=True)
class Kind:
    """One class of package.

    Attributes:
        id: Permanent class id, 1 or more; 0 is background.
        name: Lower-case words, unique in the taxonomy.
        shape: The shape a gripper meets: ``box``, ``cylinder``, ``flat``, ``soft`` and so on.
        retired: No longer used for new labels. The id stays taken for ever.
    """

    id: int
    name: str
    shape: str = "unknown"
    retired: bool = False


@dataclass(frozen=True)
class Taxonomy:
    """An append-only list of kinds: ids are never renumbered and never used again.

    Raises:
        InvalidInput: An id is below 1, or an id or a name stands twice.
    """

    kinds: tuple[Kind, ...] = field(default=())

    def __post_init__(self) -> None:
        ids = [kind.id for kind in self.kinds]
        names = [kind.name for kind in self.kinds]
        if any(i < 1 for i in ids) or len(set(ids)) < len(ids) or len(set(names)) < len(names):
            raise InvalidInput(
                "taxonomy",
                "unique names and unique ids from 1 on",
                f"ids {ids}, names {names}",
                "A class id belongs to one kind for ever; take the next free one.",
            )

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def kind(self, id: int) -> Kind:
        """Return the kind with this id, or raise `NotFound`."""
        for kind in self.kinds:
            if kind.id == id:
                return kind
        raise NotFound(f"class id {id} is not in the taxonomy {[k.id for k in self.kinds]}")

    def named(self, name: str) -> Kind:
        """Return the kind with this name, or raise `NotFound`."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        raise NotFound(f"kind {name!r} is not in the taxonomy {[k.name for k in self.kinds]}")

    def has(self, name: str) -> bool:
        """Say whether a kind of this name exists."""
        return any(kind.name == name for kind in self.kinds)

    def with_kind(self, name: str, shape: str = "unknown") -> "Taxonomy":
        """Return a taxonomy with one more kind under the next free id.

        Raises:
            Conflict: The name is taken, by a kind in use or a retired one.
        """
        if self.has(name):
            raise Conflict(f"kind {name!r} exists already; names are never used again")
        next_id = max((kind.id for kind in self.kinds), default=0) + 1
        return Taxonomy((*self.kinds, Kind(next_id, name, shape)))

    def check_labels(self, labels: Iterable[int], thing: str = "labels") -> None:
        """Raise `InvalidInput` when a label is no id of this taxonomy."""
        known = {kind.id for kind in self.kinds}
        unknown = sorted(set(labels) - known)
        if unknown:
            raise InvalidInput(
                thing,
                f"class ids among {sorted(known)}",
                f"{unknown}",
                "Add the kind to the taxonomy first, or map the label to a known kind.",
            )
