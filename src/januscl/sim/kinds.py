"""The kinds of package, and how one of each is drawn by chance.

The base kinds have permanent ids 1 to 6. The late kinds stand in a table of their own: a fleet
meets them before its taxonomy knows them.
"""

from collections.abc import Callable, Mapping

import numpy as np

from januscl.core import InvalidInput, Kind, Taxonomy
from januscl.sim.packages import Package, Part, Triple
from januscl.sim.textures import CARDBOARDS, CRUMPLES, HOLIDAYS, LABELS, TOYS

Rng = np.random.Generator
_KRAFT = ((0.76, 0.58, 0.38), (0.70, 0.51, 0.32), (0.82, 0.66, 0.46), (0.88, 0.86, 0.82))
_TAPES = ((0.82, 0.70, 0.50), (0.55, 0.40, 0.24), (0.25, 0.42, 0.70), (0.90, 0.90, 0.86))
_BRIGHT = ((0.80, 0.25, 0.22), (0.22, 0.45, 0.72), (0.25, 0.58, 0.34), (0.85, 0.68, 0.20),
           (0.55, 0.32, 0.62), (0.90, 0.88, 0.84))  # fmt: skip
_SKIN = 0.0008  # metres by which what is stuck on stands proud, so that it is seen


def _pick(rng: Rng, colours: tuple[Triple, ...], spread: float = 0.05) -> Triple:
    r, g, b = np.clip(
        np.asarray(colours[rng.integers(len(colours))]) + rng.normal(0, spread / 2, 3), 0.02, 1
    )
    return float(r), float(g), float(b)


def _label(rng: Rng, half: Triple, largest: float = 0.05) -> Part:
    """Return an address label on the upper face of a thing with these half sizes."""
    x = min(half[0] * 0.55, largest)
    y = min(half[1] * 0.55, x * 0.8)
    at = rng.uniform(-0.8, 0.8, 2) * (half[0] - x, half[1] - y)
    surface = f"label{rng.integers(LABELS)}"
    tint = (1.0, 1.0, 1.0)
    return Part("box", (x, y, _SKIN), tint, (at[0], at[1], half[2]), surface=surface)


def _upside(part: Part) -> Part:
    """Return the part on the opposite face."""
    x, y, z = part.at
    return Part(part.shape, part.size, part.rgb, (-x, y, -z), (180, 0, 0), part.surface)


def _carton(rng: Rng, half: Triple) -> tuple[Part, ...]:
    surface = f"cardboard{rng.integers(CARDBOARDS)}"
    volume = 8 * half[0] * half[1] * half[2]
    mass = max(volume * rng.uniform(120, 260), 0.05)
    parts = [Part("box", half, _pick(rng, _KRAFT), surface=surface, mass=mass)]
    if rng.random() < 0.85:
        strip = (half[0] + _SKIN, min(0.024, half[1] * 0.3), half[2] + _SKIN)
        parts.append(Part("box", strip, _pick(rng, _TAPES), surface="tape"))
    label = _label(rng, (half[0], half[1], half[2] + _SKIN))
    return (*parts, label, _upside(label))


def _reach(half: Triple) -> float:
    return float(np.linalg.norm(half))


def _box(rng: Rng) -> Package:
    x, y = rng.uniform(0.055, 0.10), rng.uniform(0.045, 0.075)
    half = (x, y, rng.uniform(0.025, 0.05))
    return Package("box", _carton(rng, half), _reach(half))


def _tall_box(rng: Rng) -> Package:
    y = rng.uniform(0.03, 0.042)
    half = (rng.uniform(0.095, 0.135), y, y * rng.uniform(0.85, 1.0))
    return Package("tall box", _carton(rng, half), _reach(half))


def _cylinder(rng: Rng) -> Package:
    r, h = rng.uniform(0.04, 0.056), rng.uniform(0.035, 0.06)
    mass = np.pi * r * r * 2 * h * rng.uniform(180, 350)
    body = Part("cylinder", (r, h, 0), _pick(rng, _BRIGHT), surface="metal", mass=mass)
    band = Part("cylinder", (r + _SKIN, h * 0.55, 0), _pick(rng, _BRIGHT))
    lid = Part("cylinder", (r * 0.86, h + _SKIN, 0), (0.72, 0.73, 0.75), surface="metal")
    return Package("cylinder", (body, band, lid), float(np.hypot(r, h)))


def _tube(rng: Rng) -> Package:
    r, h = rng.uniform(0.024, 0.032), rng.uniform(0.12, 0.17)
    turn = (0.0, 90.0, 0.0)
    mass = np.pi * r * r * 2 * h * rng.uniform(180, 300)
    surface = f"cardboard{rng.integers(CARDBOARDS)}"
    body = Part("cylinder", (r, h, 0), _pick(rng, _KRAFT), (0, 0, 0), turn, surface, 1.0, mass)
    caps = Part("cylinder", (r * 0.9, h + 0.003, 0), _pick(rng, _BRIGHT), turn=turn)
    band = Part("cylinder", (r + _SKIN, 0.025, 0), (0.95, 0.95, 0.93), (h * 0.4, 0, 0), turn)
    return Package("tube", (body, caps, band), float(np.hypot(r, h)))


def _padded_mailer(rng: Rng) -> Package:
    half = (rng.uniform(0.09, 0.12), rng.uniform(0.065, 0.085), rng.uniform(0.011, 0.017))
    tint = _pick(rng, ((0.86, 0.68, 0.34), (0.92, 0.80, 0.52), (0.90, 0.89, 0.86)))
    x, y, z = half
    core = Part("box", (x * 0.93, y * 0.9, z * 0.62), tint, surface="padding", mass=0.12)
    seam = Part("box", (x, y, z * 0.25), tint, surface="padding")
    bulge = Part("ellipsoid", (x * 1.02, y * 1.02, z), tint, surface="padding")
    flap = Part("box", (x * 0.06, y, z * 0.3), (0.62, 0.50, 0.28), (x * 0.9, 0, 0))
    label = _label(rng, (x * 0.5, y * 0.5, z), 0.045)
    return Package(
        "padded mailer", (core, seam, bulge, flap, label, _upside(label)), _reach(half), True
    )


def _flat_envelope(rng: Rng) -> Package:
    half = (rng.uniform(0.095, 0.125), rng.uniform(0.065, 0.085), 0.0035)
    tint = _pick(rng, ((0.94, 0.94, 0.92), (0.86, 0.75, 0.55), (0.72, 0.78, 0.84)), 0.03)
    x, y, z = half
    body = Part("box", half, tint, mass=rng.uniform(0.06, 0.14))
    fold = tuple(0.78 * c for c in tint)
    lines = [
        Part("box", (x * 0.54, 0.0012, _SKIN), (fold[0], fold[1], fold[2]),
             (side * x * 0.5, y * 0.55, -z), (0, 0, side * np.degrees(np.arctan2(0.8 * y, x))))
        for side in (-1, 1)
    ]  # fmt: skip
    stamp = Part("box", (0.011, 0.013, _SKIN), _pick(rng, _BRIGHT), (x * 0.82, y * 0.7, z))
    label = _label(rng, (x * 0.7, y * 0.7, z), 0.04)
    return Package("flat envelope", (body, *lines, stamp, label), _reach(half), True)


def _black_polybag(rng: Rng) -> Package:
    x, y, z = rng.uniform(0.085, 0.12), rng.uniform(0.065, 0.09), rng.uniform(0.016, 0.026)
    shade = rng.uniform(0.13, 0.24)
    tint = (shade, shade, shade * 1.06)
    film = f"crumple{rng.integers(CRUMPLES)}"
    parts = [
        Part("box", (x * 0.82, y * 0.8, z * 0.4), tint, surface=film, mass=rng.uniform(0.1, 0.3)),
        Part("ellipsoid", (x * 1.05, y * 1.05, z * 0.8), tint, surface=film),
    ]
    for _ in range(7):
        at = rng.uniform(-0.5, 0.5, 3) * (x, y, z * 0.6)
        size = rng.uniform((0.45, 0.45, 0.5), (0.7, 0.7, 0.85)) * (x, y, z)
        parts.append(Part("ellipsoid", (size[0], size[1], size[2]), tint, (at[0], at[1], at[2]),
                          (rng.uniform(-10, 10), rng.uniform(-10, 10), rng.uniform(0, 180)),
                          f"crumple{rng.integers(CRUMPLES)}"))  # fmt: skip
    for side in (-1, 1):
        fringe = (x * 0.14, y * rng.uniform(0.7, 0.95), z * 0.2)
        turn = (rng.uniform(-8, 8), side * rng.uniform(-5, 20), rng.uniform(-8, 8))
        parts.append(Part("box", fringe, tint, (side * x * 0.9, 0, 0), turn, "crumple0"))
    if rng.random() < 0.6:
        parts.append(_label(rng, (x * 0.4, y * 0.4, z * 0.95), 0.032))
    return Package("black polybag", tuple(parts), _reach((x * 1.1, y * 1.1, z)), True)


def _holiday_box(rng: Rng) -> Package:
    half = (rng.uniform(0.075, 0.105), rng.uniform(0.06, 0.085), rng.uniform(0.028, 0.045))
    # A cup bears this near its middle, and not on a quarter of its face.
    mass = rng.uniform(0.85, 1.1)
    surface = f"holiday{rng.integers(HOLIDAYS)}"
    parts = [Part("box", half, _pick(rng, ((0.97, 0.97, 0.97),), 0.04), surface=surface, mass=mass)]
    if rng.random() < 0.4:
        for x, y in ((half[0] + _SKIN, 0.01), (0.01, half[1] + _SKIN)):
            parts.append(Part("box", (x, y, half[2] + _SKIN), (0.88, 0.72, 0.24), surface="metal"))
    parts.append(_label(rng, (half[0], half[1], half[2] + 2 * _SKIN), 0.03))
    return Package("holiday box", tuple(parts), _reach(half))


def _wrapped_parcel(rng: Rng) -> Package:
    x, y, z = rng.uniform(0.065, 0.10), rng.uniform(0.05, 0.08), rng.uniform(0.03, 0.045)
    shell = Part("box", (x, y, z), (0.86, 0.93, 0.97), surface="film", alpha=0.17,
                 mass=rng.uniform(0.12, 0.45))  # fmt: skip
    inside = []
    for slot in range(int(rng.integers(2, 4))):
        half = (x * 0.26, y * rng.uniform(0.55, 0.85), z * rng.uniform(0.6, 0.9))
        at = (-x * 0.62 + slot * x * 0.62, rng.uniform(-0.1, 0.1) * y, half[2] - z * 0.96)
        inside.append(Part("box", half, _pick(rng, _BRIGHT), at, surface="behind pane"))
    seams = [
        Part("box", (x + _SKIN, 0.003, z + _SKIN), (1, 1, 1), (0, s * y * 0.5, 0), surface="film",
             alpha=0.4)
        for s in (-1, 1)
    ]  # fmt: skip
    return Package("wrapped parcel", (shell, *inside, *seams), _reach((x, y, z)))


def _window_box(rng: Rng) -> Package:
    x, y, z = rng.uniform(0.07, 0.10), rng.uniform(0.05, 0.075), rng.uniform(0.03, 0.04)
    print_, white = f"toy{rng.integers(TOYS)}", (1.0, 1.0, 1.0)
    recess, rim = 0.016, 0.016
    base = Part("box", (x, y, z - recess / 2), white, (0, 0, -recess / 2), surface=print_,
                mass=rng.uniform(0.12, 0.35))  # fmt: skip
    pane = Part("box", (x - rim, y - rim, 0.002), (0.80, 0.92, 1.0), (0, 0, z - 0.002),
                surface="film", alpha=0.13, mass=0.01)  # fmt: skip
    back = Part("box", (x - rim, y - rim, _SKIN), (0.93, 0.93, 0.80), (0, 0, z - recess),
                surface="behind pane")  # fmt: skip
    frame = [
        Part("box", half, _pick(rng, _BRIGHT[:4]), at)
        for half, at in (
            ((x, rim / 2, recess / 2), (0.0, y - rim / 2, z - recess / 2)),
            ((x, rim / 2, recess / 2), (0.0, rim / 2 - y, z - recess / 2)),
            ((rim / 2, y - rim, recess / 2), (x - rim / 2, 0.0, z - recess / 2)),
            ((rim / 2, y - rim, recess / 2), (rim / 2 - x, 0.0, z - recess / 2)),
        )
    ]
    top = z - recess
    toy = [
        Part(shape, size, _pick(rng, _BRIGHT), (at, 0, top), (turn, 0, 0), "behind pane")
        for shape, size, at, turn in (
            ("ellipsoid", (0.45 * x, 0.35 * y, 0.012), -0.15 * x, 0),
            ("ellipsoid", (0.24 * x, 0.36 * y, 0.013), 0.5 * x, 0),
            ("capsule", (0.009, 0.5 * y, 0.0), -0.2 * x, 90),
        )
    ]
    return Package("window box", (base, back, *toy, *frame, pane), _reach((x, y, z)))


_MAKERS: Mapping[str, tuple[str, Callable[[Rng], Package]]] = {
    "box": ("box", _box),
    "tall box": ("box", _tall_box),
    "cylinder": ("cylinder", _cylinder),
    "tube": ("cylinder", _tube),
    "padded mailer": ("soft", _padded_mailer),
    "flat envelope": ("flat", _flat_envelope),
    "black polybag": ("soft", _black_polybag),
    "holiday box": ("box", _holiday_box),
    "wrapped parcel": ("box", _wrapped_parcel),
    "window box": ("box", _window_box),
}
_BASE = ("box", "tall box", "cylinder", "tube", "padded mailer", "flat envelope")

BASE_TAXONOMY = Taxonomy(
    tuple(Kind(number, name, _MAKERS[name][0]) for number, name in enumerate(_BASE, start=1))
)
"""The six kinds that the fleet knows from the first day."""

BASE_MIX: Mapping[str, float] = {
    "box": 0.26, "tall box": 0.14, "cylinder": 0.14, "tube": 0.12, "padded mailer": 0.18,
    "flat envelope": 0.16,
}  # fmt: skip
"""Shares of the base kinds in ordinary work."""

LATE_KINDS: Mapping[str, str] = {
    name: shape for name, (shape, _) in _MAKERS.items() if name not in _BASE
}
"""Name to shape of the kinds that arrive later."""


def check_mix(mix: Mapping[str, float], thing: str = "mix") -> None:
    """Raise `InvalidInput` unless ``mix`` maps known kinds to weights with a positive sum."""
    unknown = sorted(set(mix) - set(_MAKERS))
    if unknown:
        raise InvalidInput(
            thing, f"kinds among {sorted(_MAKERS)}", f"{unknown}", "Correct the kind's name."
        )
    weights = list(mix.values())
    if not weights or not all(np.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
        raise InvalidInput(
            thing, "weights of 0 or more with a positive sum", f"{dict(mix)}", "Correct a weight."
        )


def draw_packages(mix: Mapping[str, float], count: int, rng: Rng) -> tuple[Package, ...]:
    """Return ``count`` packages whose kinds follow the weights of ``mix``.

    Raises:
        InvalidInput: The mix names an unknown kind, or has no positive weight.
    """
    check_mix(mix)
    names = sorted(mix)
    weights = np.asarray([mix[name] for name in names], dtype=np.float64)
    drawn = rng.choice(len(names), size=count, p=weights / weights.sum())
    return tuple(_MAKERS[names[int(k)]][1](rng) for k in drawn)
