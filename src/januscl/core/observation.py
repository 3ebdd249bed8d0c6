"""What a robot sees and does: frame, instances, pick, observation, cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from januscl.core.errors import InvalidInput
from januscl.core.ids import utc
from januscl.core.masks import Rle, box_of_rle, check_sizes

Image = NDArray[np.uint8]
Depth = NDArray[np.float32]

UNEXPLAINED = 0
"""The label, with score 0, of a region that stands out but that the model did not explain."""
HALFWAY_SURE = 0.3
"""The score from which an instance counts as seen; below it there is often no package at all."""
_SHOWN = 6
"""Of instances, in what a person reads of them."""


@dataclass(frozen=True)
class Cell:
    """One robot with one camera, at its place in the fleet.

    Attributes:
        robot: Unique name.
        camera: Unique name of the camera that looks at its bin.
        line: The line it works on.
        site: The site of that line.
        station: True for the test station, which no customer's order depends on.
    """

    robot: str
    camera: str
    line: str
    site: str
    station: bool = False


@dataclass(frozen=True, eq=False)
class Frame:
    """One image from one camera of one robot.

    Attributes:
        image: ``(H, W, 3) uint8`` RGB.
        camera: Name of the camera.
        robot: Name of the robot.
        at: When it was taken, UTC.
        depth: Optional ``(H, W) float32``, metres from the camera plane.

    Raises:
        InvalidInput: A shape or type is wrong, or the time has no zone.
    """

    image: Image
    camera: str
    robot: str
    at: datetime
    depth: Depth | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise InvalidInput(
                "frame image",
                "(H, W, 3) uint8 RGB",
                f"{image.shape} {image.dtype}",
                "Decode files with januscl.core.pictures.read_image, which converts what it can.",
            )
        if self.depth is not None and self.depth.shape != image.shape[:2]:
            raise InvalidInput(
                "frame depth",
                f"shape {image.shape[:2]}",
                f"{self.depth.shape}",
                "Depth is registered to the image, one value a pixel.",
            )
        object.__setattr__(self, "at", utc(self.at, "frame time"))

    def __repr__(self) -> str:
        size = f"{self.height}x{self.width} px" + ("" if self.depth is None else " with depth")
        return f"Frame({size}, camera {self.camera} of {self.robot}, {self.at:%Y-%m-%d %H:%M:%S}Z)"

    @property
    def height(self) -> int:
        """Rows of the image."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns of the image."""
        return int(self.image.shape[1])


@dataclass(frozen=True, eq=False)
class Instances:
    """What a model saw in a frame of H rows and W columns: N instances, best score first.

    Attributes:
        masks: N masks of size (H, W).
        boxes: ``(N, 4) float32`` xyxy px.
        scores: ``(N,) float32`` in 0..1.
        labels: ``(N,) int64`` class ids of the taxonomy; `UNEXPLAINED` for regions that the model
            saw nothing in, which come last.
        embeddings: ``(N, D) float32`` where the model gives them.
        frame_embedding: ``(D,) float32`` where the model gives one.

    Raises:
        InvalidInput: Lengths disagree, a score is NaN or outside 0..1, a box or an embedding is
            not finite.
    """

    masks: tuple[Rle, ...]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    embeddings: NDArray[np.float32] | None = None
    frame_embedding: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.masks)
        shapes = {
            "boxes": (self.boxes.shape, (n, 4)),
            "scores": (self.scores.shape, (n,)),
            "labels": (self.labels.shape, (n,)),
        }
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise InvalidInput(
                    f"instances.{name}",
                    f"shape {expected} for {n} masks",
                    f"{found}",
                    "Give one row for each mask.",
                )
        if self.embeddings is not None and self.embeddings.shape[:1] != (n,):
            raise InvalidInput(
                "instances.embeddings",
                f"{n} rows",
                f"shape {self.embeddings.shape}",
                "Give one row for each mask, or None.",
            )
        if not (np.isfinite(self.scores).all() and ((self.scores >= 0) & (self.scores <= 1)).all()):
            raise InvalidInput(
                "instances.scores",
                "numbers in 0..1",
                f"{self.scores[:8]}",
                "A NaN score usually means that the model diverged; do not serve it.",
            )
        for name in ("boxes", "embeddings", "frame_embedding"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise InvalidInput(
                    f"instances.{name}",
                    "finite numbers",
                    "NaN or infinity",
                    "A NaN usually means that the model diverged; do not serve it.",
                )

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        shown = [
            f"{label} at {score:.2f}"
            for label, score in zip(self.labels[:_SHOWN], self.scores[:_SHOWN], strict=True)
        ]
        more = ["…"] if len(self) > _SHOWN else []
        labels = f"; labels {', '.join([*shown, *more])}" if shown else ""
        size = f" of {self.masks[0].height}x{self.masks[0].width} px" if len(self) else ""
        has = "" if self.embeddings is None else f"; embeddings {self.embeddings.shape}"
        return f"Instances({len(self)}{size}{labels}{has})"

    @classmethod
    def empty(cls) -> "Instances":
        """Return the instances of a frame in which nothing was seen."""
        return cls((), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    @classmethod
    def of_masks(cls, masks: Sequence[Rle], labels: Sequence[int]) -> "Instances":
        """Return certain instances (score 1) with tight boxes, as truth and labels have them."""
        boxes = [box_of_rle(rle) for rle in masks]
        return cls(
            tuple(masks),
            np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            np.ones(len(masks), dtype=np.float32),
            np.asarray(labels, dtype=np.int64).reshape(-1),
        )

    def counted(self) -> NDArray[np.int64]:
        """Return the rows ``(K,)`` scored `HALFWAY_SURE` or more, and the unexplained ones."""
        return np.flatnonzero((self.scores >= HALFWAY_SURE) | (self.labels == UNEXPLAINED))

    def with_unexplained(
        self, masks: Sequence[Rle], embeddings: NDArray[np.float32]
    ) -> "Instances":
        """Return these instances with unexplained regions after them.

        Args:
            masks: M regions.
            embeddings: ``(M, D) float32``, of the model that made the instances' own.
        """
        if not masks:
            return self
        boxes = np.stack([box_of_rle(rle) for rle in masks])
        own = self.embeddings if len(self) else embeddings[:0]
        return replace(
            self,
            masks=(*self.masks, *masks),
            boxes=np.concatenate((self.boxes, boxes)),
            scores=np.concatenate((self.scores, np.zeros(len(masks), np.float32))),
            labels=np.concatenate((self.labels, np.full(len(masks), UNEXPLAINED, np.int64))),
            embeddings=None if own is None else np.concatenate((own, embeddings)),
        )

    def only(self, index: NDArray[np.generic]) -> "Instances":
        """Return the instances chosen by an index or boolean array ``(K,)`` or ``(N,)``."""
        chosen = np.arange(len(self))[index]
        return replace(
            self,
            masks=tuple(self.masks[int(i)] for i in chosen),
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            labels=self.labels[chosen],
            embeddings=None if self.embeddings is None else self.embeddings[chosen],
        )


class Outcome(StrEnum):
    """How one attempt to pick ended."""

    PICKED = "picked"
    MISSED = "missed"
    DROPPED = "dropped"
    MULTI_PICK = "multi_pick"
    WRONG_PICK = "wrong_pick"
    INFEASIBLE = "infeasible"

    @property
    def failed(self) -> bool:
        """True for everything but `PICKED`."""
        return self is not Outcome.PICKED


@dataclass(frozen=True)
class Pick:
    """One attempt on one instance.

    Attributes:
        instance: Row of the observation's instances; None when the robot found nothing to try.
        point: Where the tool went, ``(x, y)`` px in the frame; None when it did not go. All points
            of Janus count so: pixel (0, 0) covers [0, 1) x [0, 1) and its centre is (0.5, 0.5).
        outcome: What came of it.
        at: When it ended, UTC.
    """

    instance: int | None
    point: tuple[float, float] | None
    outcome: Outcome
    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "pick time"))


@dataclass(frozen=True, eq=False)
class Observation:
    """A frame, what the model saw in it, and the pick made on it, if there was one.

    Attributes:
        id: UUIDv7, made on the robot; never changes.
        frame: What the camera saw.
        instances: What the model saw.
        model: Id of the model version that made the instances.
        pick: The attempt, once it is known.
    """

    id: str
    frame: Frame
    instances: Instances
    model: str
    pick: Pick | None = field(default=None)

    def __post_init__(self) -> None:
        size = (self.frame.height, self.frame.width)
        thing = f"observation {self.id}"
        check_sizes(self.instances.masks, size, thing, "Masks have the size of the frame.")
        row = None if self.pick is None else self.pick.instance
        if row is not None and not 0 <= row < len(self.instances):
            raise InvalidInput(
                f"pick of observation {self.id}",
                f"an instance in 0..{len(self.instances) - 1}",
                f"{row}",
                "Report the row of the instance in this observation.",
            )
