"""What is out of the ordinary: events, tickets, novelties and campaigns."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from januscl.core import (
    Campaign,
    Event,
    EventKind,
    NotFound,
    Novelty,
    NoveltyState,
    Outcome,
    Ticket,
)
from januscl.store import rows
from januscl.store.database import Door, insert_once, upsert
from januscl.store.tables import campaigns, events, novelties, novelty_members, picks, tickets

Day = tuple[int, int]
"""Attempts of a day, and how many of them failed."""
_FAILED = tuple(str(outcome) for outcome in Outcome if outcome.failed)


class Events:
    """Observations out of the ordinary; each id once."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, event: Event) -> bool:
        """Keep an event and say whether it is new; a second one of the same id changes nothing."""
        with self._door.write() as connection:
            return insert_once(connection, events, ("id",), rows.event_values(event))

    def list(
        self,
        *,
        kind: EventKind | None = None,
        camera: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Event]:
        """Return the events that fit, in order of time; ``since`` is inclusive."""
        query = select(events).limit(limit)
        if kind is not None:
            query = query.where(events.c.kind == kind)
        if camera is not None:
            query = query.where(events.c.camera == camera)
        if since is not None:
            query = query.where(events.c.at >= since)
        at, id = events.c.at, events.c.id
        query = query.order_by(at.desc(), id.desc()) if newest_first else query.order_by(at, id)
        with self._door.read() as connection:
            return [rows.event_of(row) for row in connection.execute(query)]

    def for_observation(self, id: str) -> Sequence[Event]:
        """Return the events of one observation."""
        query = select(events).where(events.c.observation == id).order_by(events.c.id)
        with self._door.read() as connection:
            return [rows.event_of(row) for row in connection.execute(query)]


class Tickets:
    """Faults handed to technicians."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, ticket: Ticket) -> None:
        """Keep the ticket, or change the one of the same id.

        Raises:
            InvalidInput: It was closed before it began.
        """
        with self._door.write() as connection:
            upsert(connection, tickets, ("id",), rows.ticket_values(ticket))

    def get(self, id: str) -> Ticket:
        """Return the ticket, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(tickets).where(tickets.c.id == id)).first()
        if row is None:
            raise NotFound(f"ticket {id} is not in the catalogue")
        return rows.ticket_of(row)

    def list(self, *, open_only: bool = False) -> Sequence[Ticket]:
        """Return the tickets in the order in which they were opened."""
        query = select(tickets).order_by(tickets.c.opened, tickets.c.id)
        if open_only:
            query = query.where(tickets.c.closed.is_(None))
        with self._door.read() as connection:
            return [rows.ticket_of(row) for row in connection.execute(query)]

    def covering(self, camera: str, at: datetime) -> Sequence[Ticket]:
        """Return the tickets that a frame of this camera at this time falls under."""
        query = select(tickets).where(
            tickets.c.camera == camera,
            tickets.c.began <= at,
            or_(tickets.c.closed.is_(None), tickets.c.closed >= at),
        )
        with self._door.read() as connection:
            ordered = query.order_by(tickets.c.opened, tickets.c.id)
            return [rows.ticket_of(row) for row in connection.execute(ordered)]


class Novelties:
    """Recurring kinds of event, and the instances that belong to each."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, novelty: Novelty) -> None:
        """Keep the novelty, or change the one of the same id."""
        with self._door.write() as connection:
            upsert(connection, novelties, ("id",), rows.novelty_values(novelty))

    def get(self, id: str) -> Novelty:
        """Return the novelty, or raise `NotFound`."""
        with self._door.read() as connection:
            row = connection.execute(select(novelties).where(novelties.c.id == id)).first()
        if row is None:
            raise NotFound(f"novelty {id} is not in the catalogue")
        return rows.novelty_of(row)

    def list(self, states: Iterable[NoveltyState] | None = None) -> Sequence[Novelty]:
        """Return the novelties in these states, or all, those that cost most picks first."""
        query = select(novelties)
        if states is not None:
            query = query.where(novelties.c.state.in_(list(states)))
        ordered = query.order_by(novelties.c.cost_expected.desc(), novelties.c.id)
        with self._door.read() as connection:
            return [rows.novelty_of(row) for row in connection.execute(ordered)]

    def assign(self, novelty: str, members: Iterable[tuple[str, int]]) -> None:
        """Say which instances belong to the novelty, as pairs of observation id and row.

        An instance that belonged to another novelty changes over.

        Raises:
            NotFound: There is no such novelty.
        """
        with self._door.write() as connection:
            for observation, instance in members:
                row = {"observation": observation, "instance": instance, "novelty": novelty}
                upsert(connection, novelty_members, ("observation", "instance"), row)

    def members(self, novelty: str) -> Sequence[tuple[str, int]]:
        """Return the instances of the novelty as pairs of observation id and row."""
        table = novelty_members.c
        query = select(table.observation, table.instance).where(table.novelty == novelty)
        with self._door.read() as connection:
            ordered = query.order_by(table.observation, table.instance)
            return [(row.observation, row.instance) for row in connection.execute(ordered)]

    def attempts_by_day(self, novelty: str, days: int) -> tuple[Sequence[Day], Sequence[Day]]:
        """Return the attempts of the days before the latest pick, oldest first.

        A day is 24 hours that end as long after midnight as the latest pick. Nothing is returned
        where there is no pick.

        Args:
            novelty: Its id; an attempt is its own where the tried instance is a member.
            days: How many.

        Returns:
            All attempts day by day, and those on the novelty.
        """
        members, tried = novelty_members.c, picks.c
        mine = exists().where(
            members.observation == tried.observation,
            members.novelty == novelty,
            or_(tried.instance.is_(None), members.instance == tried.instance),
        )
        with self._door.read() as connection:
            latest = connection.scalar(select(func.max(tried.at)))
            if latest is None:
                return [], []
            ends = [latest - timedelta(days=back) for back in range(days, -1, -1)]
            counts = [column for day in pairwise(ends) for column in _counts(*day)]
            recent = select(*counts).where(tried.at > ends[0])
            every = _by_day(connection.execute(recent).one())
            return every, _by_day(connection.execute(recent.where(mine)).one())


def _counts(begin: datetime, end: datetime) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return what counts the attempts of a day, and those that failed."""
    within = and_(picks.c.at > begin, picks.c.at <= end)
    failed = and_(within, picks.c.outcome.in_(_FAILED))
    return func.sum(case((within, 1), else_=0)), func.sum(case((failed, 1), else_=0))


def _by_day(counts: Sequence[int | None]) -> Sequence[Day]:
    whole = [int(count or 0) for count in counts]
    return list(zip(whole[::2], whole[1::2], strict=True))


class Campaigns:
    """Bounded orders to collect raw frames of a novelty."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, campaign: Campaign) -> None:
        """Keep the campaign, or change the one of the same id.

        Raises:
            NotFound: Its novelty is not in the catalogue.
        """
        with self._door.write() as connection:
            upsert(connection, campaigns, ("id",), rows.campaign_values(campaign))

    def list(self, novelty: str | None = None) -> Sequence[Campaign]:
        """Return the campaigns of a novelty, or all, in the order in which they were opened."""
        query = select(campaigns).order_by(campaigns.c.opened, campaigns.c.id)
        if novelty is not None:
            query = query.where(campaigns.c.novelty == novelty)
        with self._door.read() as connection:
            return [rows.campaign_of(row) for row in connection.execute(query)]
