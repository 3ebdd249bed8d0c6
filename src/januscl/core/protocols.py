"""The seams: what a user may bring in place of ours.

Each has one ``check_*`` function in `januscl.core.contracts` that every implementation, ours and
a user's, is tested with.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core.learning import Label, LabelledFrame, LabelTask
from januscl.core.observation import Frame, Image, Instances, Observation, Outcome
from januscl.core.taxonomy import Taxonomy
from januscl.core.triage import Signal


class SegmentationModel(Protocol):
    """A model that cuts a picture into packages."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The kinds that it can name."""

    def predict(self, images: Sequence[Image]) -> list[Instances]:
        """Return what it sees in each image ``(H, W, 3) uint8`` RGB, at the image's own size.

        Deterministic: the same image gives the same instances. Scores fall along the rows.
        """

    def save(self, path: Path) -> None:
        """Write the weights to a safetensors file; whatever `predict` needs is in it."""


class Watcher(Protocol):
    """Reads observations against a healthy reference."""

    @property
    def name(self) -> str:
        """Dotted name, the prefix of its signals' names."""

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Return a watcher that knows what is ordinary; it replaces any earlier reference."""

    def score(self, observation: Observation) -> list[Signal]:
        """Return its readings; higher scores are further from the reference.

        Raises:
            Conflict: It has not been fitted.
        """


class Strategy(Protocol):
    """How a challenger learns what is new without losing what is old."""

    @property
    def name(self) -> str:
        """The name that a deck or the command line gives it by."""

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy made ready for one run; called once, before all else.

        Called again with the same, as when a run goes on after a kill, it returns the same.

        Args:
            network: What is to be trained, with the champion's weights. It may be changed in place,
                but what it computes stays as it is.
            champion: The network that it was copied from; never changed.
            new: The new pictures, in the order of their indices.
            history: The replayed ones, likewise.
            batch_of: Makes pictures into what the network takes, and what `penalty` is given.
        """

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return which pictures each training step sees, as indices of shape (steps, batch).

        Args:
            new: How many pictures are new; their indices are 0..new - 1.
            history: How many are replayed; their indices follow.
            shape: Steps and pictures a step.
            rng: The only source of chance.
        """

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return what is added to the loss of this batch, a scalar; 0 for none."""

    def finish(self, network: Any, champion: Any) -> None:
        """Change the trained network in place once training has ended, if it must."""


class Annotator(Protocol):
    """Gives the truth of frames: a person through a tool, a file, or the simulator."""

    @property
    def name(self) -> str:
        """Who signs the labels."""

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        """Return a label for each task it can answer, in any order."""


class Robot(Protocol):
    """One robot at work, as Janus sees it."""

    @property
    def name(self) -> str:
        """Unique name in the fleet."""

    def look(self) -> Frame:
        """Take a picture of the bin. Moves nothing."""

    def attempt(
        self, instances: Instances, instance: int | None, point: tuple[float, float] | None
    ) -> Outcome:
        """Try to pick and say how it ended. **Moves hardware.**

        Args:
            instances: What the model saw in the last frame.
            instance: The row to pick; None when the model saw nothing worth trying.
            point: Where to put the tool, ``(x, y)`` px in the last frame, counted as in
                `januscl.core.Pick`; None with no instance.
        """


class Blobs(Protocol):
    """Bytes under the SHA-256 of their content."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its digest, 64 hexadecimal digits; idempotent.

        Raises:
            StorageFull: There was no room; nothing was kept.
        """

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified.

        Raises:
            NotFound: Nothing is kept under the digest.
            IntegrityError: What is kept does not have this digest.
        """

    def has(self, digest: str) -> bool:
        """Say whether bytes are kept under the digest."""


class Executor(Protocol):
    """Runs heavy work elsewhere: a local process, a cluster, a batch queue."""

    def submit(self, function: str, arguments: Mapping[str, Any], key: str) -> str:
        """Start ``module:function`` with JSON arguments and return the job's id.

        The same ``key`` never starts twice: a second call returns the first job's id. A job that
        failed or was cancelled starts again.

        Raises:
            InvalidInput: The function's name, an argument or the key is not acceptable.
            Conflict: The key stands for other work.
        """

    def wait(
        self,
        job: str,
        timeout: float | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> Any:
        """Return the job's JSON result when it ends.

        Args:
            job: What `submit` returned.
            timeout: Seconds to wait, where the work is done elsewhere; for ever when omitted.
            progress: Called with the fields of each `januscl.compute.report_progress` of the job.

        Raises:
            NotFound: No such job.
            JobFailed: It ended in an error, which the message tells, or was cancelled.
            TimeoutError: It still runs, and goes on.
        """

    def cancel(self, job: str) -> None:
        """Stop the job if it still runs.

        Raises:
            NotFound: No such job.
        """
