"""What is learned from and what is learned: decks, slices, models, verdicts, releases."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from januscl.core import (
    Conflict,
    Deck,
    InvalidInput,
    ModelVersion,
    NotFound,
    Release,
    Slice,
    Stage,
    Verdict,
)
from januscl.store import rows
from januscl.store.database import Door, insert_once, upsert
from januscl.store.records import VerdictRow
from januscl.store.tables import aliases, decks, models, releases, slices, verdicts

_ENDED = (Stage.DONE, Stage.STOPPED, Stage.ROLLED_BACK)


class Decks:
    """Immutable training sets."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, deck: Deck) -> bool:
        """Keep a deck and say whether it is new.

        Raises:
            Conflict: Another deck has this id, which a digest rules out.
        """
        with self._door.write() as connection:
            if insert_once(connection, decks, ("id",), rows.deck_values(deck)):
                return True
            kept = connection.execute(select(decks).where(decks.c.id == deck.id)).one()
            if rows.deck_of(kept) != deck:
                raise Conflict(f"deck {deck.id} exists with other contents; decks never change")
        return False

    def get(self, id: str) -> Deck:
        """Return the deck, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(decks).where(decks.c.id == id)).first()
        if row is None:
            raise NotFound(f"deck {id} is not in the catalogue")
        return rows.deck_of(row)

    def list(self) -> Sequence[Deck]:
        """Return all decks, oldest first."""
        with self._door.read() as connection:
            found = connection.execute(select(decks).order_by(decks.c.seq))
            return [rows.deck_of(row) for row in found]


class Slices:
    """Evaluation sets, by their unique names: frozen for ever, or open with their novelty.

    A novelty that is not closed has one open slice at most. It grows with each try, and only the
    novelty's own challengers are measured on it, until closing the novelty freezes it.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, slice_: Slice, *, open: bool = False) -> bool:
        """Keep a slice and say whether it is new.

        Args:
            slice_: Under a name of its own.
            open: Keep it open; it takes the place of an open one of the same name and novelty.

        Raises:
            Conflict: Another slice has this name; frozen slices never change.
        """
        values = rows.slice_values(slice_) | {"open": open}
        with self._door.write() as connection:
            if insert_once(connection, slices, ("name",), values):
                return True
            name = slices.c.name == slice_.name
            kept = connection.execute(select(slices).where(name)).one()
            if open and kept.open and kept.novelty == slice_.novelty:
                connection.execute(update(slices).where(name).values(values))
            elif rows.slice_of(kept) != slice_:
                raise Conflict(
                    f"slice {slice_.name!r} exists with other contents; a slice is frozen for "
                    "ever. Give the new one another name."
                )
        return False

    def freeze(self, novelty: str) -> None:
        """Freeze the open slice of a novelty for ever; without one, nothing happens."""
        mine = (slices.c.novelty == novelty, slices.c.open.is_(True))
        with self._door.write() as connection:
            connection.execute(update(slices).where(*mine).values(open=False))

    def get(self, name: str) -> Slice:
        """Return the slice of this name, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(slices).where(slices.c.name == name)).first()
        if row is None:
            raise NotFound(f"slice {name!r} is not in the catalogue")
        return rows.slice_of(row)

    def open_of(self, novelty: str) -> Slice | None:
        """Return the open slice of a novelty, if it has one."""
        mine = (slices.c.novelty == novelty, slices.c.open.is_(True))
        with self._door.read() as connection:
            row = connection.execute(select(slices).where(*mine)).first()
        return None if row is None else rows.slice_of(row)

    def list(self, *, frozen_only: bool = False) -> Sequence[Slice]:
        """Return all slices, or the frozen ones, oldest first."""
        query = select(slices).order_by(slices.c.seq)
        if frozen_only:
            query = query.where(slices.c.open.is_(False))
        with self._door.read() as connection:
            return [rows.slice_of(row) for row in connection.execute(query)]


class Models:
    """Model versions."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, model: ModelVersion) -> None:
        """Keep a model version; of one that is there, only the card and the time may change.

        Raises:
            Conflict: The id belongs to a model of other weights, taxonomy, parent or deck.
            InvalidInput: The model names itself as its parent.
        """
        if model.parent == model.id:
            raise InvalidInput(
                f"model {model.id}",
                "another model as its parent, or none",
                "itself",
                "A model is trained from another; name that one.",
            )
        values = rows.model_values(model)
        with self._door.write() as connection:
            if insert_once(connection, models, ("id",), values):
                return
            kept = rows.model_of(
                connection.execute(select(models).where(models.c.id == model.id)).one()
            )
            for name in ("weights", "taxonomy", "parent", "deck"):
                if getattr(kept, name) != getattr(model, name):
                    raise Conflict(
                        f"model {model.id} is kept with another {name}; only the card and the "
                        "time of a version may change"
                    )
            change = {"card": values["card"], "made": values["made"]}
            connection.execute(update(models).where(models.c.id == model.id).values(change))

    def get(self, id: str) -> ModelVersion:
        """Return the model version, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(models).where(models.c.id == id)).first()
        if row is None:
            raise NotFound(f"model {id} is not in the catalogue")
        return rows.model_of(row)

    def list(self) -> Sequence[ModelVersion]:
        """Return all model versions, oldest first."""
        with self._door.read() as connection:
            found = connection.execute(select(models).order_by(models.c.seq))
            return [rows.model_of(row) for row in found]


class Aliases:
    """Names that point to a model version, such as ``champion``."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def set(self, name: str, model: str) -> None:
        """Let the name point to a model.

        Raises:
            NotFound: The model is not in the catalogue.
        """
        with self._door.write() as connection:
            upsert(connection, aliases, ("name",), {"name": name, "model": model})
        self._door.changed()

    def get(self, name: str) -> str:
        """Return the id of the model that the name points to, or raise `NotFound`."""
        with self._door.read() as connection:
            model = connection.scalar(select(aliases.c.model).where(aliases.c.name == name))
        if model is None:
            raise NotFound(f"no model is called {name!r}")
        return str(model)

    def list(self) -> dict[str, str]:
        """Return the model's id for each name."""
        with self._door.read() as connection:
            found = connection.execute(select(aliases).order_by(aliases.c.name))
            return {row.name: row.model for row in found}


class Verdicts:
    """What the gate said, in the order in which it spoke."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, model: str, champion: str, verdict: Verdict, at: datetime | None = None) -> None:
        """Keep a verdict on a model against a champion, of now or of another time."""
        values = rows.verdict_values(model, champion, verdict, at or datetime.now(UTC))
        with self._door.write() as connection:
            connection.execute(insert(verdicts).values(values))

    def list(self, model: str | None = None) -> Sequence[VerdictRow]:
        """Return the verdicts on a model, or all, oldest first."""
        query = select(verdicts).order_by(verdicts.c.seq)
        if model is not None:
            query = query.where(verdicts.c.model == model)
        with self._door.read() as connection:
            return [rows.verdict_of(row) for row in connection.execute(query)]


class Releases:
    """Model versions on their way through the stages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, release: Release) -> None:
        """Keep the release, or change the one of the same id.

        Raises:
            NotFound: A model, or the novelty, is not in the catalogue.
        """
        with self._door.write() as connection:
            upsert(connection, releases, ("id",), rows.release_values(release))
        self._door.changed()

    def get(self, id: str) -> Release:
        """Return the release, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(releases).where(releases.c.id == id)).first()
        if row is None:
            raise NotFound(f"release {id} is not in the catalogue")
        return rows.release_of(row)

    def list(self, *, open_only: bool = False) -> Sequence[Release]:
        """Return the releases, oldest first; with ``open_only``, those still on their way."""
        query = select(releases).order_by(releases.c.seq)
        if open_only:
            query = query.where(releases.c.stage.not_in(_ENDED))
        with self._door.read() as connection:
            return [rows.release_of(row) for row in connection.execute(query)]
