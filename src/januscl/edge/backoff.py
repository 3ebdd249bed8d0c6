"""How long to wait after a failure."""

from random import Random


class Backoff:
    """Exponential backoff with full jitter: a wait drawn from 0 to a bound that doubles.

    Full jitter keeps a fleet from coming back all at once (Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015).

    Args:
        rng: The only source of chance.
        first, most: Bounds of the first wait, and of any, seconds.
    """

    def __init__(self, rng: Random, first: float = 1.0, most: float = 300.0) -> None:
        self._rng, self._first, self._most = rng, first, most
        self._failures = 0

    def wait(self) -> float:
        """Return how long to wait after one more failure, seconds."""
        bound = min(self._most, self._first * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return self._rng.uniform(0.0, bound)

    def reset(self) -> None:
        """Begin anew; a call succeeded."""
        self._failures = 0
