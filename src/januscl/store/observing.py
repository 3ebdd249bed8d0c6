"""Cells, and the observations they make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NewType

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update

from januscl.core import Cell, Conflict, InvalidInput, NotFound, Observation, Outcome, Pick
from januscl.store import rows
from januscl.store.database import Door, chunks, insert_once, upsert
from januscl.store.records import Known, ObservationRow
from januscl.store.tables import arrivals, cells, events, observations, picks, rejects, tickets

Prepared = NewType("Prepared", Mapping[str, Any])
"""An observation on its way to the catalogue."""

_with_pick = select(
    observations,
    picks.c.instance.label("pick_instance"),
    picks.c.x.label("pick_x"),
    picks.c.y.label("pick_y"),
    picks.c.outcome.label("pick_outcome"),
    picks.c.at.label("pick_at"),
).select_from(observations.outerjoin(picks, picks.c.observation == observations.c.id))


class Cells:
    """The robots of the fleet, each with its camera and its place."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, cell: Cell) -> None:
        """Keep the cell, or change the one of the same robot.

        Raises:
            Conflict: Another robot has this camera.
        """
        with self._door.write() as connection:
            upsert(connection, cells, ("robot",), dict(vars(cell)))

    def list(self) -> Sequence[Cell]:
        """Return all cells by site, line and robot."""
        query = select(cells).order_by(cells.c.site, cells.c.line, cells.c.robot)
        with self._door.read() as connection:
            return [Cell(**row._mapping) for row in connection.execute(query)]


class Observations:
    """What the robots saw and how their picks ended; each id once."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(
        self, observation: Observation, image: str | None = None, embeddings: str | None = None
    ) -> bool:
        """Keep an observation and say whether it is new; the same id twice is one observation.

        A second copy may bring what the first lacked: its pick, its picture, its embeddings.

        Args:
            observation: Pixels and embeddings are not kept here; the digests say where they are.
            image: SHA-256 of the picture in the blob store.
            embeddings: SHA-256 of the embeddings in the blob store.

        Raises:
            Conflict: The id belongs to a frame of another robot, camera or time, or the pick
                contradicts the one reported before.
        """
        values = rows.observation_values(observation, image, embeddings)
        with self._door.write() as connection:
            new = insert_once(connection, observations, ("id",), values)
            if new:
                connection.execute(insert(arrivals).values(observation=observation.id))
                _drop_impossible_pick(connection, observation.id, len(observation.instances))
            else:
                _complete(connection, values)
            if observation.pick is not None:
                _report(connection, observation.id, observation.pick)
        return new

    def report(self, id: str, pick: Pick) -> bool:
        """Keep the outcome of an observation's pick and say whether it is new.

        The observation need not be there yet: the outcome waits for it.

        Raises:
            InvalidInput: The pick names an instance that the observation does not have.
            Conflict: Another outcome was reported before.
        """
        with self._door.write() as connection:
            return _report(connection, id, pick)

    def picks(self, limit: int) -> Sequence[tuple[str, Pick]]:
        """Return the latest picks with their observations' ids, oldest first.

        Args:
            limit: At most this many; outcomes that wait for their observation count.
        """
        query = select(picks).order_by(picks.c.at.desc(), picks.c.observation.desc()).limit(limit)
        with self._door.read() as connection:
            found = [(row.observation, rows.pick_of(row)) for row in connection.execute(query)]
        return found[::-1]

    def get(self, id: str) -> ObservationRow:
        """Return the observation, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(_with_pick.where(observations.c.id == id)).first()
        if row is None:
            raise NotFound(f"observation {id} is not in the catalogue")
        return rows.observation_of(row)

    def list(
        self,
        *,
        camera: str | None = None,
        robot: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        outcome: Outcome | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[ObservationRow]:
        """Return the observations that fit, in order of time.

        Args:
            camera: Of this camera only.
            robot: Of this robot only.
            since: Taken at or after this time.
            until: Taken before this time.
            outcome: Whose pick ended so.
            limit: At most this many, from the front of the order.
            newest_first: Turn the order round.
        """
        table = observations.c
        query = _with_pick.limit(limit)
        for column, wanted in (
            (table.camera, camera),
            (table.robot, robot),
            (picks.c.outcome, outcome),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if since is not None:
            query = query.where(table.at >= since)
        if until is not None:
            query = query.where(table.at < until)
        order = (table.at.desc(), table.id.desc()) if newest_first else (table.at, table.id)
        with self._door.read() as connection:
            return [rows.observation_of(row) for row in connection.execute(query.order_by(*order))]

    def ordinary(self, limit: int) -> Sequence[str]:
        """Return the ids of the latest observations whose pixels were kept and that are no event.

        Args:
            limit: At most this many, the newest first.
        """
        table = observations.c
        strange = exists().where(events.c.observation == table.id)
        query = select(table.id).where(table.image.is_not(None), ~strange)
        with self._door.read() as connection:
            ordered = query.order_by(table.at.desc(), table.id.desc()).limit(limit)
            return list(connection.scalars(ordered))

    def later(self, id: str, limit: int) -> Sequence[str]:
        """Return the ids that sort after one, which is a matter of when they were made.

        Args:
            id: Any text.
            limit: At most this many, the earliest first.
        """
        query = select(observations.c.id).where(observations.c.id > id)
        with self._door.read() as connection:
            return list(connection.scalars(query.order_by(observations.c.id).limit(limit)))

    def arrived(self, number: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return the ids that came after the one of a number, each with its own number.

        They become visible in the order of their numbers, so none is passed over; some numbers
        are nobody's.

        Args:
            number: 0 for the first.
            limit: At most this many, in the order in which they came.
        """
        table = arrivals.c
        query = select(table.number, table.observation).where(table.number > number)
        with self._door.read() as connection:
            found = connection.execute(query.order_by(table.number).limit(limit))
            return [(row.number, row.observation) for row in found]

    def set_image(self, id: str, digest: str) -> None:
        """Say where the picture of an observation is kept, or raise `NotFound`."""
        change = update(observations).where(observations.c.id == id).values(image=digest)
        with self._door.write() as connection:
            if connection.execute(change).rowcount == 0:
                raise NotFound(f"observation {id} is not in the catalogue")

    def counts(self) -> dict[str, int]:
        """Return how many ``observations`` and ``pictures`` there are, and picks by outcome.

        Outcomes that still wait for their observation count.
        """
        totals = select(func.count(), func.count(observations.c.image)).select_from(observations)
        ended = select(picks.c.outcome, func.count()).group_by(picks.c.outcome)
        with self._door.read() as connection:
            seen, pictures = connection.execute(totals).one()
            outcomes = {name: number for name, number in connection.execute(ended)}
        return {
            "observations": seen,
            "pictures": pictures,
            **{outcome.value: outcomes.get(outcome.value, 0) for outcome in Outcome},
        }

    def quarantined(self, ids: Iterable[str]) -> set[str]:
        """Return those ids whose frames fall under a ticket, open or closed.

        An id that is not in the catalogue is not returned, for nothing is known of its frame.
        """
        covered = exists().where(
            tickets.c.camera == observations.c.camera,
            tickets.c.began <= observations.c.at,
            or_(tickets.c.closed.is_(None), tickets.c.closed >= observations.c.at),
        )
        wanted, found = sorted(set(ids)), set[str]()
        with self._door.read() as connection:
            for some in chunks(wanted):
                query = select(observations.c.id).where(observations.c.id.in_(some), covered)
                found |= set(connection.scalars(query))
        return found

    def known(self, ids: Iterable[str]) -> dict[str, Known]:
        """Return what is known of those ids that are there; cheaper than `get`."""
        table, found = observations.c, dict[str, Known]()
        with self._door.read() as connection:
            for some in chunks(sorted(set(ids))):
                query = select(table.id, *(table[f.name] for f in fields(Known)))
                for id, *values in connection.execute(query.where(table.id.in_(some))):
                    found[id] = Known(*values)
        return found

    @staticmethod
    def prepared(
        observation: Observation, image: str | None = None, embeddings: str | None = None
    ) -> Prepared:
        """Return what `add_new` keeps; made beforehand, it holds up no other writer."""
        return Prepared(rows.observation_values(observation, image, embeddings))

    def add_new(self, seen: Iterable[Prepared]) -> int:
        """Keep observations as `add` does, all at once, and return how many are new.

        What of them is not new is left as it is. Call it in a transaction.
        """
        listed = {row["id"]: row for row in seen}
        new = sorted(listed.keys() - self.known(listed))
        if not new:
            return 0
        with self._door.write() as connection:
            connection.execute(insert(observations), [dict(listed[id]) for id in new])
            connection.execute(insert(arrivals), [{"observation": id} for id in new])
            for some in chunks(new):
                waiting = select(picks.c.observation).where(picks.c.observation.in_(some))
                for id in connection.scalars(waiting).all():
                    _drop_impossible_pick(connection, id, len(listed[id]["instances"]["scores"]))
        return len(new)

    def forget_bytes(self, ids: Iterable[str]) -> int:
        """Say that neither pictures nor embeddings of these observations are kept any more.

        Returns:
            How many had one.
        """
        table, changed = observations.c, 0
        had = or_(table.image.is_not(None), table.embeddings.is_not(None))
        gone = update(observations).values(image=None, embeddings=None)
        with self._door.write() as connection:
            for some in chunks(sorted(set(ids))):
                changed += connection.execute(gone.where(table.id.in_(some), had)).rowcount
        return changed


def _complete(connection: Connection, values: dict[str, Any]) -> None:
    """Add the digests that the first copy lacked; refuse a copy that is of another frame."""
    table = observations.c
    query = select(table.robot, table.camera, table.at).where(table.id == values["id"])
    kept = connection.execute(query).one()
    if tuple(kept) != (values["robot"], values["camera"], values["at"]):
        raise Conflict(
            f"observation {values['id']} is of camera {kept.camera} of {kept.robot} at "
            f"{kept.at.isoformat()}; another frame came under the same id. Ids are made once, "
            "with januscl.core.new_id."
        )
    for name in ("image", "embeddings"):
        if values[name] is not None:
            lacking = (table.id == values["id"], table[name].is_(None))
            connection.execute(update(observations).where(*lacking).values({name: values[name]}))


def _report(connection: Connection, id: str, pick: Pick) -> bool:
    query = select(observations.c.instances).where(observations.c.id == id)
    seen = connection.scalar(query)
    if seen is not None and pick.instance is not None:
        number = len(seen["scores"])
        if not 0 <= pick.instance < number:
            raise InvalidInput(
                f"pick of observation {id}",
                f"one of its {number} instances, counted from 0",
                f"{pick.instance}",
                "Report the row of the instance in this observation.",
            )
    if insert_once(connection, picks, ("observation",), rows.pick_values(id, pick)):
        return True
    kept = rows.pick_of(connection.execute(select(picks).where(picks.c.observation == id)).one())
    if kept != pick:
        raise Conflict(
            f"observation {id} has the outcome {kept.outcome} of {kept.at.isoformat()}; it was "
            f"reported again as {pick.outcome} of {pick.at.isoformat()}. The first one stands."
        )
    return False


def _drop_impossible_pick(connection: Connection, id: str, instances: int) -> None:
    """Move an outcome that waited for this observation, but cannot be its, to the rejects."""
    row = connection.execute(select(picks).where(picks.c.observation == id)).first()
    if row is None or row.instance is None or 0 <= row.instance < instances:
        return
    connection.execute(delete(picks).where(picks.c.observation == id))
    reason = f"outcome {row.outcome} names instance {row.instance} of {instances}"
    thing = f"pick of observation {id}"
    connection.execute(insert(rejects).values(at=datetime.now(UTC), thing=thing, reason=reason))
