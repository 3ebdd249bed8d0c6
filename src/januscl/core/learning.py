"""What is learned from, and what is learned.

Labels, decks and slices go in; model versions, verdicts and releases come out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from januscl.core.observation import Image, Instances
from januscl.core.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Label:
    """The truth that a person, a file or the simulator gave for a frame.

    Attributes:
        observation: Id of the observation.
        truth: Masks, boxes and class ids; scores are 1.
        annotator: Who gave it.
        at: When.
    """

    observation: str
    truth: Instances
    annotator: str
    at: datetime


@dataclass(frozen=True, eq=False)
class LabelTask:
    """A frame to be labelled, with the model's proposals as a start.

    Attributes:
        novelty: Id of the novelty it is for; None for an ordinary frame.
        image: ``(H, W, 3) uint8`` RGB, what the annotator is shown.
    """

    id: str
    observation: str
    novelty: str | None
    image: Image
    proposals: Instances

    def __repr__(self) -> str:
        proposals = f"{len(self.proposals)} proposals"
        return f"LabelTask({self.id}, observation {self.observation}, {proposals})"


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A picture and its truth: what models are trained on and judged by.

    Attributes:
        id: Id of the observation, or of the picture in an imported set.
        image: ``(H, W, 3) uint8`` RGB.
        truth: Masks, boxes and class ids.
    """

    id: str
    image: Image
    truth: Instances

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"LabelledFrame({self.id}, {height}x{width} px, {len(self.truth)} masks)"


@dataclass(frozen=True)
class DeckItem:
    """One labelled picture of a deck or slice, by content.

    Attributes:
        id: Id of the observation.
        image: SHA-256 of the picture's bytes in the blob store.
        label: SHA-256 of the label's JSON in the blob store.
        source: Where it came from: ``new``, ``replay``, ``history``, or a novelty's id.
    """

    id: str
    image: str
    label: str
    source: str


@dataclass(frozen=True)
class Deck:
    """An immutable training set. Its id is the SHA-256 of its manifest.

    Attributes:
        id: Hex digest.
        items: What goes in, in training order of ids.
        taxonomy: The kinds that the labels speak of.
        recipe: The augmentation: name of each operation to its settings.
        seed: Of sampling and augmentation.
        parent: Id of the champion that the deck was built to improve; None for a first model.
    """

    id: str
    items: tuple[DeckItem, ...]
    taxonomy: Taxonomy
    recipe: Mapping[str, Any]
    seed: int
    parent: str | None = None

    def __repr__(self) -> str:
        return f"Deck({_start(self.id)}, {_counted(self.items)})"


@dataclass(frozen=True)
class Slice:
    """A frozen evaluation set: every closed novelty leaves one behind for ever.

    Attributes:
        id: SHA-256 of its items.
        name: Unique, such as ``base`` or ``novelty-black-bag``.
        novelty: The novelty that left it; None for the base slices.
    """

    id: str
    name: str
    items: tuple[DeckItem, ...]
    novelty: str | None = None

    def __repr__(self) -> str:
        return f"Slice({self.name!r}, {_start(self.id)}, {_frames(len(self.items))})"


@dataclass(frozen=True)
class ModelVersion:
    """Weights and the card that says how they were made.

    Attributes:
        id: ``m-`` and the first 12 digits of the weights' SHA-256.
        weights: SHA-256 of the safetensors file in the blob store.
        taxonomy: The kinds it can name.
        parent: The model it was trained from.
        deck: The deck it was trained on.
        card: Scores, settings and cost, as JSON values.
    """

    id: str
    weights: str
    taxonomy: Taxonomy
    parent: str | None
    deck: str | None
    made: datetime
    card: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        kinds = ", ".join(kind.name for kind in self.taxonomy) or "no kinds"
        return f"ModelVersion({self.id}, {kinds}; from {self.parent or 'nothing'})"


class Answer(StrEnum):
    """What a gate or guardrail says."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class SliceScore:
    """A challenger against the champion on one slice; AP in 0..1.

    Attributes:
        frames: Pictures in the slice.
        delta: Challenger's AP less the champion's, with the interval low..high.
        margin: How much worse the gate tolerates.
    """

    slice: str
    frames: int
    champion: float
    challenger: float
    delta: float
    low: float
    high: float
    margin: float


@dataclass(frozen=True)
class Verdict:
    """A gate's answer with its reasons."""

    answer: Answer
    reasons: tuple[str, ...]
    slices: tuple[SliceScore, ...] = ()

    def __repr__(self) -> str:
        return f"Verdict({self.answer}: {self.reasons[0] if self.reasons else 'no reason given'})"


class Stage(StrEnum):
    """Where a release stands."""

    STATION = "station"
    BETA = "beta"
    FLEET = "fleet"
    DONE = "done"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class StageReport:
    """What one stage of a release saw: picks tried and failed by the challenger and its control.

    Attributes:
        stage: Station, beta or fleet.
        answer: What the guardrail said at the end of it.
        reasons: Why, for a person.
    """

    stage: Stage
    answer: Answer
    reasons: tuple[str, ...]
    challenger_picks: int
    challenger_failed: int
    control_picks: int
    control_failed: int


@dataclass(frozen=True)
class Release:
    """A model version on its way through the stages.

    Attributes:
        model: The challenger.
        champion: What ran before, and runs again after a rollback.
        novelty: What it is for; None for a model that a person brought.
        beta_lines: The lines of the beta stage.
    """

    id: str
    model: str
    champion: str
    novelty: str | None
    beta_lines: tuple[str, ...]
    stage: Stage
    opened: datetime
    reports: tuple[StageReport, ...] = ()


def _start(digest: str) -> str:
    """Return enough of a digest to find it by."""
    return f"{digest[:8]}…" if len(digest) > 9 else digest


def _frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"


def _counted(items: Sequence[DeckItem]) -> str:
    """Count frames by what they are to a deck: new, replayed, or history of a first model."""
    counts = {"new": 0, "replayed": 0, "of history": 0}
    for item in items:
        counts[{"replay": "replayed", "history": "of history"}.get(item.source, "new")] += 1
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    return f"{_frames(len(items))}: {', '.join(parts)}" if parts else _frames(0)
