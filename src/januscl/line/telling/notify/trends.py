"""The trend of a novelty's cost, from the picks that the catalogue holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from januscl.core import Outcome
from januscl.store import Catalogue
from januscl.store.tables import novelty_members, picks
from januscl.triage import Attempts
from januscl.triage.ranking import Course, course_of, lost_by_day

_DAYS = 14
_FAILED = tuple(str(outcome) for outcome in Outcome if outcome.failed)


def trend_now(catalogue: Catalogue, novelty: str, picks_a_day: float = 1.0) -> Course:
    """Return how a novelty's cost went over the 14 days before the latest pick.

    Whole days are compared, so that shifts and breaks are alike in all of them.

    Args:
        catalogue: Has the picks, and the novelty's members.
        novelty: Its id.
        picks_a_day: Attempts a day in the whole fleet; the trend is the same for any.
    """
    members, tried = novelty_members.c, picks.c
    mine = exists().where(
        members.observation == tried.observation,
        members.novelty == novelty,
        or_(tried.instance.is_(None), members.instance == tried.instance),
    )
    with catalogue.database.read() as connection:
        latest = connection.scalar(select(func.max(tried.at)))
        if latest is None:
            return course_of([])
        ends = [latest - timedelta(days=back) for back in range(_DAYS, -1, -1)]
        counts = [column for day in pairwise(ends) for column in _counts(*day)]
        recent = select(*counts).where(tried.at > ends[0])
        every = _by_day(connection.execute(recent).one())
        novel = _by_day(connection.execute(recent.where(mine)).one())
    others = [
        Attempts(a.tried - m.tried, a.failed - m.failed) for a, m in zip(every, novel, strict=True)
    ]
    return course_of(lost_by_day(novel, others, picks_a_day))


def _counts(begin: datetime, end: datetime) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return what counts the attempts of a day, and those that failed."""
    table = picks.c
    within = and_(table.at > begin, table.at <= end)
    failed = and_(within, table.outcome.in_(_FAILED))
    return func.sum(case((within, 1), else_=0)), func.sum(case((failed, 1), else_=0))


def _by_day(counts: Sequence[int | None]) -> list[Attempts]:
    whole = [int(count or 0) for count in counts]
    return [Attempts(*day) for day in zip(whole[::2], whole[1::2], strict=True)]
