"""The settings of the line, each with what it decides; times and shares are explicit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from januscl.core import InvalidInput
from januscl.train import strategy_named
from januscl.watch import LEAST_REFERENCE

NOVELTY = ("nearest", "leaning", "chosen")
"""The ways to tell which instances are strange."""


@dataclass(frozen=True)
class Watching:
    """When a camera is known and what pixels are kept.

    Attributes:
        cameras: Watch each camera's health; off where pictures come from anywhere.
        reference_frames: Healthy frames of a camera before it is watched; a model that is learned
            at work takes as many of each robot.
        ordinary_share: Share of ordinary frames whose pixels are kept, which keeps calibration
            honest.
        await_pick: Looks of a robot after which an observation whose pick was never reported is
            triaged without one.
        seed: Of the random share and of the ids of observations, for simulations that must be
            reproducible; the system's randomness when None, so that no two sites draw alike.
        novelty: How it is told which instances are strange: ``nearest``, by their distance from
            what is known; ``leaning``, also by what has become common among the known
            (`januscl.watch.InstanceNovelty`); or ``chosen``, by the detectors that suit the model
            (`januscl.watch.ChosenNovelty`).

    Raises:
        InvalidInput: A count is below 1, `reference_frames` is too few for a camera, the share
            lies outside 0..1, or there is no such way to tell novelty.
    """

    cameras: bool = True
    reference_frames: int = 30
    ordinary_share: float = 0.1
    await_pick: int = 8
    seed: int | None = None
    novelty: str = "nearest"

    def __post_init__(self) -> None:
        least = LEAST_REFERENCE if self.cameras else 1
        _check_count("watching.reference_frames", self.reference_frames, least)
        _check_count("watching.await_pick", self.await_pick, 1)
        if self.novelty not in NOVELTY:
            raise InvalidInput(
                "watching.novelty", " or ".join(NOVELTY), f"{self.novelty!r}", "Correct the policy."
            )
        if not 0 <= self.ordinary_share <= 1:
            raise InvalidInput(
                "watching.ordinary_share", "a share in 0..1", f"{self.ordinary_share}", "Try 0.1."
            )


@dataclass(frozen=True)
class Collecting:
    """What a novelty may cost in labels, and what is asked for while nothing is novel.

    Attributes:
        frames: Labels asked for, at most, including those held back for its slice.
        held_back: Share of the labelled frames that becomes the novelty's slice.
        min_cost: Expected lost picks a day from which a novelty is worth a campaign.
        patience: Hours after which a campaign makes do with `least` frames.
        least: Frames without which nothing can be learned.
        hours: After which a campaign that never had its frames is given up.
        routine_every: Frames that a routine campaign looks through, while no novelty collects,
            for those of which the model is most in doubt; 0 for no routine campaigns.
        routine_frames: Labels that a routine campaign asks for, at most.

    Raises:
        InvalidInput: A count, a time or a cost is below what makes sense, or the share does not
            lie between 0 and 1.
    """

    frames: int = 60
    held_back: float = 1 / 3
    min_cost: float = 5.0
    patience: float = 2.0
    least: int = 36
    hours: float = 72.0
    routine_every: int = 0
    routine_frames: int = 24

    def __post_init__(self) -> None:
        for name, least in (("frames", 2), ("least", 1), ("routine_every", 0)):
            _check_count(f"collecting.{name}", getattr(self, name), least)
        _check_count("collecting.routine_frames", self.routine_frames, 2)
        if not 0 < self.held_back < 1:
            raise InvalidInput(
                "collecting.held_back", "a share between 0 and 1", f"{self.held_back}", "Try 1/3."
            )
        for name in ("min_cost", "patience", "hours"):
            if not 0 <= getattr(self, name) < inf:
                raise InvalidInput(
                    f"collecting.{name}", "a number of 0 or more", f"{getattr(self, name)}",
                    "Correct the policy.",
                )  # fmt: skip


@dataclass(frozen=True)
class Learning:
    """How a challenger is made.

    Attributes:
        strategy: Against forgetting, by its name in `januscl.train`.
        replay: Pictures of history in a deck, at most.
        steps: Training steps.
        batch: Pictures a step.
        threads: torch's threads.
        seed: Of deck, augmentation and training.

    Raises:
        InvalidInput: A count is below what makes sense.
        NotFound: There is no strategy of this name.
    """

    strategy: str = "replay+interpolate"
    replay: int = 600
    steps: int = 250
    batch: int = 8
    threads: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        # At once, and not in a training after the labels were paid for.
        strategy_named(self.strategy)
        for name, least in (("replay", 0), ("steps", 1), ("batch", 1), ("threads", 1), ("seed", 0)):
            _check_count(f"learning.{name}", getattr(self, name), least)


@dataclass(frozen=True)
class Judging:
    """What the gate asks of a challenger.

    Attributes:
        slice_margin: How much worse a challenger could still be on an old slice, AP in 0..1,
            unless the slice has a margin of its own.
        slice_margins: Name of a slice to its own margin.
        robot_seconds: Most that seeing a picture may take on one thread of the machine that
            judges; 0 where it is not asked.
        robot_megabytes: Most memory that a process that sees with the model may have, MiB, Python
            and torch with it; 0 where it is not asked.

    Raises:
        InvalidInput: A margin does not lie between 0 and a half, or a limit is below 0 or infinite.
    """

    slice_margin: float = 0.03
    slice_margins: Mapping[str, float] = field(default_factory=dict)
    robot_seconds: float = 0.0
    robot_megabytes: float = 0.0

    def __post_init__(self) -> None:
        margins = {"slice_margin": self.slice_margin}
        margins |= {f"slice_margins.{name}": m for name, m in self.slice_margins.items()}
        for name, margin in margins.items():
            if not isinstance(margin, float) or not 0 < margin < 0.5:
                raise InvalidInput(
                    f"judging.{name}", "AP between 0 and 0.5", f"{margin!r}", "Try 0.03."
                )
        for name in ("robot_seconds", "robot_megabytes"):
            if not 0 <= getattr(self, name) < inf:
                raise InvalidInput(
                    f"judging.{name}", "a number of 0 or more", f"{getattr(self, name)}",
                    "Leave it out where nothing is asked.",
                )  # fmt: skip


@dataclass(frozen=True)
class Releasing:
    """How a challenger reaches the fleet.

    Attributes:
        station_picks: Attempts on the station's scripted test piles.
        stage_picks: Attempts of the challenger between two looks of a guardrail.
        max_looks: Looks before an undecided station or beta stage is stopped.
        fleet_looks: Looks at the whole fleet that must show no harm.
        beta_lines: How many lines the beta stage takes.
        margin: How much more often than its control a challenger's picks may fail, as a
            difference of rates; the station, whose script is short, tolerates twice as much.

    Raises:
        InvalidInput: A count is below 1, or the margin does not lie between 0 and a half.
    """

    station_picks: int = 24
    stage_picks: int = 40
    max_looks: int = 8
    fleet_looks: int = 2
    beta_lines: int = 1
    margin: float = 0.10

    def __post_init__(self) -> None:
        for name in ("station_picks", "stage_picks", "max_looks", "fleet_looks", "beta_lines"):
            _check_count(f"releasing.{name}", getattr(self, name), 1)
        if not 0 < self.margin < 0.5:
            raise InvalidInput(
                "releasing.margin", "a share between 0 and 0.5", f"{self.margin}", "Try 0.1."
            )


@dataclass(frozen=True)
class Policy:
    """All settings of the line."""

    watching: Watching = field(default_factory=Watching)
    collecting: Collecting = field(default_factory=Collecting)
    learning: Learning = field(default_factory=Learning)
    judging: Judging = field(default_factory=Judging)
    releasing: Releasing = field(default_factory=Releasing)


def _check_count(thing: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInput(
            thing, f"a whole number of {least} or more", f"{value!r}", "Correct the policy."
        )
