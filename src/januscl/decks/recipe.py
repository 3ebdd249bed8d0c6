"""What augmentation may do, how often and how much; part of a deck's identity."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from januscl.core import InvalidInput


def _check_probability(thing: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInput(thing, "a probability in 0..1", f"{value}", "Give a share, not percent.")


@dataclass(frozen=True)
class Chance:
    """With a probability, a value drawn evenly from a range.

    Raises:
        InvalidInput: The probability is outside 0..1, or the range is not finite or upside down.
    """

    probability: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_probability("chance", self.probability)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InvalidInput(
                "chance", "low <= high, finite", f"{self.low}..{self.high}", "Swap or mend them."
            )

    def draw(self, rng: np.random.Generator) -> float | None:
        """Return a value, or None when the chance did not come up."""
        come, share = rng.random(2)
        return self.value(float(share)) if come < self.probability else None

    def value(self, share: float) -> float:
        """Return the value at a share 0..1 of the range."""
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class Recipe:
    """The operations of augmentation, in the order in which they are done.

    Attributes:
        mosaic: Probability of composing four frames into one.
        paste: Number of instances pasted from another frame.
        flip, flip_vertical: Probabilities.
        zoom: Factor; below 1 shrinks.
        rotate: Degrees.
        brightness: Factor; below 1 darker.
        hue: Degrees.
        saturation: Factor.
        gains: Factor, drawn for each channel on its own.
        blur: Sigma in px.
        noise: Sigma in grey levels.
        min_pixels: An instance that a move or a paste leaves with fewer visible pixels goes.

    Raises:
        InvalidInput: A probability is outside 0..1, or a range has no meaning.
    """

    mosaic: float = 0.15
    paste: Chance = Chance(0.3, 1, 3)
    flip: float = 0.5
    flip_vertical: float = 0.5
    zoom: Chance = Chance(0.4, 0.7, 1.15)
    rotate: Chance = Chance(0.3, -20, 20)
    brightness: Chance = Chance(0.4, 0.65, 1.35)
    hue: Chance = Chance(0.2, -12, 12)
    saturation: Chance = Chance(0.2, 0.6, 1.4)
    gains: Chance = Chance(0.2, 0.88, 1.12)
    blur: Chance = Chance(0.15, 0.3, 1.2)
    noise: Chance = Chance(0.2, 1, 8)
    min_pixels: int = 20

    def __post_init__(self) -> None:
        for name in ("mosaic", "flip", "flip_vertical"):
            _check_probability(f"recipe.{name}", getattr(self, name))
        lowest = {"paste": 0, "zoom": 0.05, "brightness": 0, "saturation": 0, "gains": 0,
                  "blur": 0.01, "noise": 0}  # fmt: skip
        # The table of `januscl.decks.grain` holds 2.9 sigma, and no more than 127 levels.
        highest = {"paste": 64, "zoom": 20, "blur": 50, "noise": 44}
        for name, low in lowest.items():
            chance, high = getattr(self, name), highest.get(name, 100)
            if chance.low < low or chance.high > high:
                raise InvalidInput(
                    f"recipe.{name}",
                    f"a range within {low}..{high}",
                    f"{chance.low}..{chance.high}",
                    "See the units in januscl.decks.Recipe.",
                )
        if self.min_pixels < 1:
            raise InvalidInput(
                "recipe.min_pixels", "1 or more", f"{self.min_pixels}", "A mask needs a pixel."
            )

    @classmethod
    def nothing(cls) -> "Recipe":
        """Return the recipe that leaves every frame as it is."""
        never = Chance(0, 1, 1)
        return cls(0, never, 0, 0, never, never, never, never, never, never, never, never)


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Return the settings by the operation's name, as a deck's manifest holds them."""
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    return {
        name: {"probability": value.probability, "low": value.low, "high": value.high}
        if isinstance(value, Chance)
        else value
        for name, value in values.items()
    }


def recipe_from_json(value: Any, thing: str = "recipe") -> Recipe:
    """Return the recipe of `recipe_to_json`; an operation that is not named is not done.

    Raises:
        InvalidInput: An operation is unknown, or a setting is missing, unknown or out of range.
    """
    names = {field.name for field in fields(Recipe)}
    if not isinstance(value, Mapping) or not set(value) <= names:
        raise InvalidInput(
            thing,
            f"an object with operations among {', '.join(sorted(names))}",
            repr(sorted(value) if isinstance(value, Mapping) else value)[:80],
            "Remove what is not an operation, or mend its name.",
        )
    nothing = Recipe.nothing()
    return replace(
        nothing,
        **{
            name: _setting(f"{thing}.{name}", given, getattr(nothing, name))
            for name, given in value.items()
        },
    )


def _setting(thing: str, given: Any, like: Any) -> Any:
    if isinstance(like, Chance):
        if not isinstance(given, Mapping) or set(given) != {"probability", "low", "high"}:
            raise InvalidInput(
                thing, "probability, low and high", repr(given)[:80], "Give all three."
            )
        numbers = [_number(thing, given[key]) for key in ("probability", "low", "high")]
        try:
            return Chance(*numbers)
        except InvalidInput as error:
            raise InvalidInput(thing, error.expected, error.found, error.fix) from error
    number = _number(thing, given)
    return int(number) if thing.endswith("min_pixels") else number


def _number(thing: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InvalidInput(thing, "a finite number", repr(given)[:40], "Write it as a number.")
    return given
