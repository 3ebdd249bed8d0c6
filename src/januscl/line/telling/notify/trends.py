"""The trend of a novelty's cost, from the picks that the catalogue holds."""

from januscl.store import Catalogue
from januscl.triage import Attempts
from januscl.triage.ranking import Course, course_of, lost_by_day

_DAYS = 14


def trend_now(catalogue: Catalogue, novelty: str, picks_a_day: float = 1.0) -> Course:
    """Return how a novelty's cost went over the 14 days before the latest pick.

    Whole days are compared, so that shifts and breaks are alike in all of them.

    Args:
        catalogue: Has the picks, and the novelty's members.
        novelty: Its id.
        picks_a_day: Attempts a day in the whole fleet; the trend is the same for any.
    """
    every, novel = catalogue.novelties.attempts_by_day(novelty, _DAYS)
    others = [
        Attempts(tried - mine, failed - lost)
        for (tried, failed), (mine, lost) in zip(every, novel, strict=True)
    ]
    return course_of(lost_by_day([Attempts(*day) for day in novel], others, picks_a_day))
