"""The causes of a fault, and which of several readings is the explanation."""

from collections.abc import Sequence

from januscl.core import Signal

# In the order in which one explains the next: pictures of another size cannot be compared; a
# frozen picture says nothing else about the camera; a turned one matches the reference nowhere, nor
# does one with deep bands, and light that swings is dark in one frame and bright in the next; a
# moved camera puts other things before each pixel; wrong light changes every later reading; and so
# on. The number is the least score that a technician would act on.
LEAST_SCORE = {
    "wrong_resolution": 1.0,  # px more or less along a side
    "frozen_frame": 98.0,  # % less change than sensor noise alone makes
    "wrong_rotation": 90.0,  # degrees
    "flicker": 5.0,  # % above and below the mean light
    "camera_knocked": 1.5,  # px
    "lamp_failed": 15.0,  # % darker
    "over_exposed": 15.0,  # % brighter
    "noisy_sensor": 1.6,  # times its noise
    "defocus": 9.0,  # % softer edges
    "colour_cast": 6.0,  # % shift of a channel
    "dirty_lens": 20.0,  # % less detail in a patch
}

CAUSES = tuple(LEAST_SCORE)


def main_cause(signals: Sequence[Signal], level: float = 0.05) -> Signal | None:
    """Return the signal that explains the others, or None for a healthy camera.

    One fault moves several readings: a dead lamp also lowers contrast. The first cause in
    physical order whose p-value is at most ``level`` and whose score is worth a visit is taken.

    Args:
        signals: Those of `CameraHealth`; others are ignored.
        level: Largest p-value that counts; needs a reference of ``1 / level`` observations.
    """
    by_cause = {s.watcher.removeprefix("camera."): s for s in signals if s.instance is None}
    for cause, least in LEAST_SCORE.items():
        signal = by_cause.get(cause)
        if signal is not None and signal.p_value <= level and signal.score >= least:
            return signal
    return None
