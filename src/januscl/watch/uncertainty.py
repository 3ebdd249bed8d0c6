"""How unsure the model itself is."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput, Observation, Signal
from januscl.watch.calibration import conformal_p


class ScoreMargin:
    """Doubt as the margin between yes and no: ``1 - |2 s - 1|`` for a detection scored s.

    ``uncertainty.instance`` speaks of each detection, ``uncertainty.frame`` of the sum over the
    frame, which is about the number of detections that could as well be nothing. A model can be
    sure and wrong; outcomes tell that.
    """

    name = "uncertainty"

    def __init__(self) -> None:
        self._frames: NDArray[np.float64] | None = None

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn how much doubt is ordinary for the model that made the reference.

        Raises:
            InvalidInput: There is no observation.
        """
        if not reference:
            raise InvalidInput(
                "uncertainty reference", "1 or more observations", "none", "Use a healthy window."
            )
        doubts = [_doubts(o) for o in reference]
        self._instances = np.concatenate(doubts)
        self._frames = np.asarray([d.sum() for d in doubts])
        return self

    def score(self, observation: Observation) -> list[Signal]:
        """Return a signal for the frame and one for each instance.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._frames is None:
            raise Conflict("ScoreMargin has no reference; call fit with known observations")
        doubts = _doubts(observation)
        total = float(doubts.sum())
        signals = [
            Signal(
                f"{self.name}.frame",
                total,
                conformal_p(self._frames, total),
                None,
                total,
                f"{total:.1f} doubtful detections, {np.median(self._frames):.1f} are usual",
            )
        ]
        for row, doubt in enumerate(doubts.tolist()):
            score = float(observation.instances.scores[row])
            p_value = conformal_p(self._instances, doubt)
            evidence = f"scored {score:.2f}"
            signals.append(Signal(f"{self.name}.instance", doubt, p_value, row, doubt, evidence))
        return signals


def _doubts(observation: Observation) -> NDArray[np.float64]:
    return 1 - np.abs(2 * observation.instances.scores.astype(np.float64) - 1)
