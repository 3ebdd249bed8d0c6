"""What a report tells, as plain data: the demo and the replay fill it, `page` draws it.

Times are UTC. Images are ``(H, W, 3) uint8`` RGB. Rates and AP lie in 0..1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from januscl.core import Image, Instances, NoveltyState, Release, Taxonomy, Ticket, Verdict


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
    """A ticket with the camera's view before and during the fault.

    Attributes:
        told: How it was noticed, who mended it and how Janus knew, in whole sentences.
    """

    ticket: Ticket
    before: Image | None
    after: Image | None
    told: str = ""


@dataclass(frozen=True, eq=False)
class NoveltyCard:
    """A novelty from first sight to closing.

    Attributes:
        rank: 1 is the costliest.
        cost: Expected lost picks a day with the interval, as text.
        sheet: Crops of its instances, each outlined.
        facts: Figures such as labels used, AP before and after, failed picks before and after.
        closed: When it was last closed; a card in another state since then came back.
    """

    name: str
    state: str
    rank: int
    cost: str
    first_seen: datetime
    sheet: tuple[Image, ...]
    facts: tuple[Fact, ...]
    closed: datetime | None = None

    @property
    def came_back(self) -> bool:
        """Whether it was closed before and is not closed now."""
        return self.closed is not None and self.state != NoveltyState.CLOSED


@dataclass(frozen=True)
class Hits:
    """What a model got of a truth, whatever it took the packages for.

    Attributes:
        found: Packages that it outlined with an IoU of 0.5 or more.
        missed: Packages that it did not.
        extra: Outlines that are no package's.
    """

    found: int
    missed: int
    extra: int

    @property
    def mistakes(self) -> int:
        """Packages missed, and outlines that are no package's."""
        return self.missed + self.extra

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(self.found + other.found, self.missed + other.missed, self.extra + other.extra)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One picture as two models see it.

    Attributes:
        caption: Why this picture was chosen.
    """

    caption: str
    image: Image
    before: Instances
    after: Instances
    truth: Instances


@dataclass(frozen=True, eq=False)
class SliceView:
    """What two models see in a slice: counted over all of it, and shown on some pictures.

    Attributes:
        title: Name of the slice.
        frames: Pictures in it, of which `better` have fewer mistakes with the later model and
            `worse` more.
        before, after: Over all pictures.
        comparisons: The chosen pictures.
    """

    title: str
    frames: int
    better: int
    worse: int
    before: Hits
    after: Hits
    comparisons: tuple[Comparison, ...]

    @property
    def gain(self) -> float:
        """Share of the packages that the later model found and the earlier did not, net."""
        packages = self.before.found + self.before.missed
        return (self.after.found - self.before.found) / max(1, packages)


@dataclass(frozen=True)
class Group:
    """How well two models find one group of packages; AP in 0..1.

    Attributes:
        by: What groups them: ``kind``, ``size`` or ``outline``.
        name: Of the group.
        truths: Packages in it.
        before, after: AP of the earlier and of the later model.
    """

    by: str
    name: str
    truths: int
    before: float
    after: float


@dataclass(frozen=True)
class Limits:
    """What the gate asks of one slice; differences of AP, and AP, in 0..1.

    Attributes:
        measured: The measured change must be at least this.
        bound: The lower end of its interval must be at least this.
        refused: With the whole interval under this the challenger is refused.
        floor: Best AP that the slice once reached, where it is held to that.
        target: Whether the challenger was trained for this slice.
    """

    measured: float
    bound: float
    refused: float
    floor: float | None = None
    target: bool = False


@dataclass(frozen=True)
class VerdictCard:
    """A gate's verdict on a challenger.

    Attributes:
        title: What the challenger is called.
        against: What the champion is called.
        challenger: Id of the model.
        limits: One for each slice of the verdict, in its order.
    """

    title: str
    against: str
    challenger: str
    verdict: Verdict
    limits: tuple[Limits, ...]


@dataclass(frozen=True)
class ReleaseCard:
    """A release with what each of its stages saw.

    Attributes:
        title: What the challenger is called.
        against: What the champion is called.
        ending: Why it was held back: ``harm``; ``undecided``, when harm was neither shown nor ruled
            out in time; ``outside``, when a person or an error ended it; empty where it was not.
    """

    title: str
    against: str
    release: Release
    ending: str = ""


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
        lead: What happened, in a sentence or two; told from the rest where it is empty.
        account: The short account as lines of text; the terminal prints the same.
        quiet: Novelties that were dismissed, or cost next to nothing, in words.
        groups: What got better or worse between the two models.
        models: What the two models of `comparisons` and `groups` are called.
        thing: What is picked: a package, or whatever a set shows.
    """

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    account: tuple[str, ...]
    taxonomy: Taxonomy
    timeline: Timeline | None = None
    tickets: tuple[TicketCard, ...] = ()
    novelties: tuple[NoveltyCard, ...] = ()
    quiet: tuple[str, ...] = ()
    comparisons: tuple[SliceView, ...] = ()
    models: tuple[str, str] = ("the model before", "the model after")
    verdicts: tuple[VerdictCard, ...] = ()
    releases: tuple[ReleaseCard, ...] = ()
    retention: Retention | None = None
    ap: ApTable | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    lead: str = ""
    thing: str = "package"
