"""What a report tells, as plain data: the demo and the replay fill it, `page` draws it.

Times are UTC. Images are ``(H, W, 3) uint8`` RGB. Rates and AP lie in 0..1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from januscl.core import Image, Instances, Release, Taxonomy, Ticket, Verdict


@dataclass(frozen=True)
class Fact:
    """One figure at the head of the page.

    Attributes:
        label: What it is, a few words.
        value: The figure with its unit.
        note: What to compare it with.
        good: Whether it is what one hopes for; None when that is not the question.
    """

    label: str
    value: str
    note: str = ""
    good: bool | None = None


@dataclass(frozen=True)
class Series:
    """One line of the timeline: a value in 0..1, or None where there is none, at each time."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment.

    Attributes:
        kind: ``fault``, ``novelty``, ``release``, ``stop`` or ``world`` (a change of the world
            that Janus was not told of).
    """

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class Span:
    """Something that lasted; kinds as in `Mark`. `lane` is the row it is drawn in."""

    begin: datetime
    end: datetime
    kind: str
    lane: str
    text: str


@dataclass(frozen=True)
class Timeline:
    """The day in one picture."""

    title: str
    value_name: str
    times: tuple[datetime, ...]
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, eq=False)
class TicketCard:
    """A ticket with the camera's view before and during the fault."""

    ticket: Ticket
    before: Image | None
    after: Image | None


@dataclass(frozen=True, eq=False)
class NoveltyCard:
    """A novelty from first sight to closing.

    Attributes:
        rank: 1 is the costliest.
        cost: Expected lost picks a day with the interval, as text.
        sheet: Crops of its instances.
        facts: Figures such as labels used, AP before and after, failed picks before and after.
    """

    name: str
    state: str
    rank: int
    cost: str
    first_seen: datetime
    sheet: tuple[Image, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One picture as two models see it."""

    title: str
    image: Image
    before: Instances
    after: Instances
    truth: Instances | None = None


@dataclass(frozen=True)
class VerdictCard:
    """A gate's verdict on a challenger."""

    title: str
    challenger: str
    verdict: Verdict


@dataclass(frozen=True)
class ReleaseCard:
    """A release with what each of its stages saw."""

    title: str
    release: Release


@dataclass(frozen=True)
class ApTable:
    """AP of each model (row) on each slice (column); None where it was not measured."""

    models: tuple[str, ...]
    slices: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Retention:
    """What the champions, in turn, knew of history, and what the last one kept of it; AP in 0..1.

    Attributes:
        champions: P names, the first champion first.
        slices: S names.
        learned: For each slice the champion, counted from 0, that was the first to learn it; None
            where none has.
        ap: P rows of S: the AP of each champion on each slice.
        forgetting: What an old slice lost, on average, since it was at its best.
        backward_transfer: What an old slice gained, on average, since it was learned.
    """

    champions: tuple[str, ...]
    slices: tuple[str, ...]
    learned: tuple[int | None, ...]
    ap: tuple[tuple[float, ...], ...]
    forgetting: float
    backward_transfer: float

    @property
    def old(self) -> tuple[int, ...]:
        """The columns of the slices that were learned before the last champion."""
        last = len(self.champions) - 1
        return tuple(s for s, at in enumerate(self.learned) if at is not None and at < last)

    @property
    def since_best(self) -> tuple[float | None, ...]:
        """For each old slice the last AP less the best one before; None for the others."""
        *earlier, last = self.ap
        return tuple(
            last[s] - max(row[s] for row in earlier) if s in self.old else None
            for s in range(len(self.slices))
        )

    @property
    def since_learned(self) -> tuple[float | None, ...]:
        """For each old slice the last AP less the one when it was learned; None for the others."""
        return tuple(
            self.ap[-1][s] - self.ap[at][s] if at is not None and s in self.old else None
            for s, at in enumerate(self.learned)
        )


@dataclass(frozen=True, eq=False)
class Story:
    """All that a report tells, in the order in which it is read.

    Attributes:
        account: The short account as lines of text; the terminal prints the same.
    """

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    account: tuple[str, ...]
    taxonomy: Taxonomy
    timeline: Timeline | None = None
    tickets: tuple[TicketCard, ...] = ()
    novelties: tuple[NoveltyCard, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    verdicts: tuple[VerdictCard, ...] = ()
    releases: tuple[ReleaseCard, ...] = ()
    retention: Retention | None = None
    ap: ApTable | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
