"""What a novelty costs: lost picks a day, with an interval."""

from dataclasses import dataclass
from math import inf

import numpy as np

from januscl.core import Cost, InvalidInput

_DRAWS = 4000


@dataclass(frozen=True)
class Attempts:
    """A number of picks tried and how many of them failed."""

    tried: int
    failed: int

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.tried:
            raise InvalidInput(
                "attempts",
                "0 <= failed <= tried",
                f"{self.failed} of {self.tried}",
                "Count each attempt once.",
            )


@dataclass(frozen=True)
class Recent:
    """How often a novelty is met at present: attempts on it and others, older ones counted less."""

    novel: float
    ordinary: float

    def __post_init__(self) -> None:
        if not (0 <= self.novel < inf and 0 <= self.ordinary < inf):
            raise InvalidInput(
                "recent attempts", "numbers of 0 or more", f"{self.novel} and {self.ordinary}",
                "Weigh each attempt by its age.",
            )  # fmt: skip


def expected_cost(
    novel: Attempts,
    ordinary: Attempts,
    picks_a_day: float,
    seed: int,
    recent: Recent | None = None,
) -> Cost:
    """Return the picks that a novelty loses a day beyond what ordinary packages lose.

    Share of attempts that meet it x (its failure rate - the ordinary one, if higher) x picks a
    day, each share and rate under its Beta posterior with Jeffreys' prior, independent of the
    others (Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion", Statistical
    Science 16(2), 2001, on why this prior).

    How often a novelty comes changes from day to day, so its share is taken from `recent` attempts
    where they are given. How often it fails is a matter of what it is, so all attempts tell of it.

    `Cost.expected` is the posterior's mean, by which novelties are ranked. `Cost.low` to
    `Cost.high` is its equal-tailed 90% interval: of the average loss a day, at the rates of the
    time in which the attempts were made, or at present where `recent` is given. It covers the true
    average in 90% of cases when attempts are independent of each other. It is no forecast of the
    picks that will be lost tomorrow, which scatter around that average; see
    `januscl.triage.ranking` for where it goes. Attempts on one pile resemble each other, so where
    few piles were met it is too narrow.

    Args:
        novel: Attempts on the novelty.
        ordinary: All others in the same time.
        picks_a_day: Attempts a day in the whole fleet.
        seed: Of the draws from the posteriors.
        recent: How often the novelty is met at present; as in all attempts when omitted.
    """
    rng = np.random.default_rng(seed)

    def posterior(yes: float, no: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return rng.beta(yes + 0.5, no + 0.5, size=_DRAWS)

    met = Recent(novel.tried, ordinary.tried) if recent is None else recent
    share = posterior(met.novel, met.ordinary)
    extra = posterior(novel.failed, novel.tried - novel.failed) - posterior(
        ordinary.failed, ordinary.tried - ordinary.failed
    )
    lost = picks_a_day * share * np.maximum(extra, 0)
    low, high = np.quantile(lost, (0.05, 0.95))
    return Cost(float(lost.mean()), float(low), float(high))
