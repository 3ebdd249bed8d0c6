"""What is wrong with a mask, by rules: for cameras without depth, or without a known bin."""

from januscl.core import Outcome
from januscl.triage.findings import Diagnosis, percent
from januscl.triage.mask_readings import MaskReadings

# Settled on failed picks in the simulator, of other seeds than those that the benchmark judges by.
_ABOVE = 0.015  # metres that what was missed lies above the mask, at least
_WHOLE_OUTLINE = 0.95  # share of the outline that lies on an edge
_POOR_OUTLINE = 0.7
_LOW = 0.15  # share of the mask
STRANGE = 0.025  # p-value
_UNUSUAL = 0.08  # p-value, for a mask that does not end where its surface does
_SURFACE_ON = 0.65  # areas of the mask that its surface goes on, for an unusual instance
_OVERLAP = 0.16  # share of the mask that lies on another instance
_TAKES_IN = 0.3  # the same, where the other lies mostly within
_ALL = 0.9  # the same, from which the mask lies within the other
_BESIDE, _WITHIN = 0.3, 0.63  # share of the other instance that lies within the mask
_SOLID = 0.93  # of the convex hull
_SECOND = 0.2  # share of the mask
_OPEN = 0.09  # share of the outline that borders on an instance without an edge
_GOES_ON = 0.35  # areas of the mask


def by_rules(r: MaskReadings, p_value: float, outcome: Outcome) -> tuple[Diagnosis, str]:
    """Return the diagnosis of a mask, and why in one sentence.

    The first that holds is taken: something unseen lies on it; much of it is the empty bin; it is
    strange; it is of several things; its surface goes on over another instance; its surface goes
    on where there is none, or its outline follows no edge.

    Args:
        r: Of the mask.
        p_value: Of the instance, by its novelty.
        outcome: Of the pick.
    """
    if r.unseen > 0 and r.unseen_above >= _ABOVE and r.on_edge >= _WHOLE_OUTLINE:
        height = f"{1000 * r.unseen_above:.0f} mm"
        return Diagnosis.MISSED, f"Beside it lies what no instance covers, {height} higher."
    overlap = _overlap(r)
    if r.low >= _LOW and not overlap:
        return Diagnosis.BOUNDARY, f"{percent(r.low)} of its mask is no higher than the empty bin."
    unbounded = r.on_edge < _POOR_OUTLINE or r.beyond_others + r.beyond_none >= _SURFACE_ON
    if r.low < _LOW and (p_value <= STRANGE or (unbounded and p_value <= _UNUSUAL)):
        share = percent(p_value)
        return Diagnosis.UNKNOWN_KIND, f"No more than {share} of known instances are as strange."
    merged = overlap or _divided(r, outcome)
    if merged:
        return Diagnosis.MERGED, merged
    if r.open_border >= _OPEN:
        return (
            Diagnosis.SPLIT,
            f"{percent(r.open_border)} of its outline borders on another instance without an "
            "edge between them.",
        )
    if r.beyond_none >= _GOES_ON:
        return (
            Diagnosis.BOUNDARY,
            f"Its surface goes on where no instance is, {percent(r.beyond_none)} of its mask's "
            "area further.",
        )
    if r.on_edge < _POOR_OUTLINE:
        return Diagnosis.BOUNDARY, f"Only {percent(r.on_edge)} of its outline lies on an edge."
    return (
        Diagnosis.NOT_PERCEPTION,
        f"{percent(r.on_edge)} of its outline lies on an edge, and it is whole.",
    )


def _overlap(r: MaskReadings) -> str:
    """Return in words that the mask takes in what is another instance; empty where it does not."""
    beside = r.shared >= _OVERLAP and r.swallowed < _BESIDE
    within = r.swallowed >= _WITHIN and _TAKES_IN <= r.shared < _ALL and r.solid < _SOLID
    return f"{percent(r.shared)} of its mask lies on another instance." if beside or within else ""


def _divided(r: MaskReadings, outcome: Outcome) -> str:
    """Return in words that the mask is of several things; empty where it is of one."""
    if r.second >= 0.5 or (r.second >= _SECOND and r.solid < _SOLID):
        return f"An edge divides its mask: {percent(r.second)} of it is another surface."
    if outcome is Outcome.WRONG_PICK:
        went = "" if r.gone is None else f"; {percent(r.gone)} of its mask went"
        return f"Another package came up than the one meant{went}."
    return ""
