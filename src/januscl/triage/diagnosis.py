"""Why a pick failed, as far as perception goes: the mask that it was based on is diagnosed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from januscl.core import UNEXPLAINED, Conflict, Depth, InvalidInput, Observation, Outcome, Signal
from januscl.triage.mask_readings import MaskReadings, read_mask
from januscl.triage.surfaces import find_edges

# Settled on failed picks in the simulator, of other seeds than those that the benchmark judges by.
_ABOVE = 0.015  # metres that what was missed lies above the mask, at least
_WHOLE_OUTLINE = 0.95  # share of the outline that lies on an edge
_POOR_OUTLINE = 0.7
_LOW = 0.15  # share of the mask
_STRANGE = 0.025  # p-value
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


class Diagnosis(StrEnum):
    """What was wrong with the mask that a failed pick was based on."""

    MERGED = "merged"
    SPLIT = "split"
    BOUNDARY = "boundary"
    MISSED = "missed"
    UNKNOWN_KIND = "unknown kind"
    NOT_PERCEPTION = "not perception's fault"


@dataclass(frozen=True)
class Finding:
    """A failed pick and its diagnosis.

    Attributes:
        observation: Id of what the pick was made on.
        instance: Row that the robot tried; None where it found nothing to try.
        diagnosis: What was wrong.
        evidence: One sentence that a person can read.
    """

    observation: str
    instance: int | None
    diagnosis: Diagnosis
    evidence: str


def diagnose(
    failed: Observation,
    signals: Sequence[Signal],
    after: Observation | None = None,
    empty: Depth | None = None,
    field_of_view: float = 40.0,
) -> Finding:
    """Say what was wrong with the mask that a failed pick was based on, if anything.

    The mask is compared with the surfaces that depth shows (colour, without a depth camera),
    with its neighbours and with its novelty. The first that holds is taken:

    ======================  ============================================================
    missed                  something that no instance covers lies on it
    boundary                the mask is empty, or much of it is no higher than the empty bin
    unknown kind            the instance is strange to the model's watchers
    merged                  much of the mask lies on another instance; or an edge divides it,
                            and it is not convex; or another package came up than the one
                            meant
    split                   its surface goes on over another instance, without an edge
    boundary                its surface goes on where there is no instance, or its outline
                            follows no edge
    not perception's fault  otherwise: look at the tool, the weight, the choice of the pick
    ======================  ============================================================

    Where the robot found nothing to try, what no instance covers decides.

    It is a hint and no verdict: ``docs/watch.md`` says how often it is right.

    Args:
        failed: With its pick, and with its unexplained regions where they are known.
        signals: The watchers' readings of it; those named ``novelty`` count.
        after: The next look at the same bin, or None; it tells how much of the mask went.
        empty: ``(H, W) float32`` metres, the empty bin; without it, what stands is not known.
        field_of_view: Of the depth camera's width, degrees.

    Raises:
        Conflict: There is no failed pick.
        InvalidInput: The empty bin or the next look has another size than the frame.
    """
    pick = failed.pick
    if pick is None or not pick.outcome.failed:
        raise Conflict(f"observation {failed.id} has no failed pick; diagnose those that failed")
    _check_sizes(failed, after, empty)
    strange = {
        s.instance: s.p_value
        for s in signals
        if s.instance is not None and s.watcher.split(".")[0] == "novelty"
    }
    if pick.instance is None:
        diagnosis, evidence = _untried(failed, strange)
    elif not failed.instances.masks[pick.instance].area:
        diagnosis, evidence = Diagnosis.BOUNDARY, "Its mask is empty."
    else:
        frame, next_depth = failed.frame, None if after is None else after.frame.depth
        edges = find_edges(frame.image, frame.depth, field_of_view)
        readings = read_mask(pick.instance, failed.instances, edges, frame.depth, empty, next_depth)
        diagnosis, evidence = _judged(readings, strange.get(pick.instance, 1.0), pick.outcome)
    return Finding(failed.id, pick.instance, diagnosis, evidence)


def _judged(r: MaskReadings, p_value: float, outcome: Outcome) -> tuple[Diagnosis, str]:
    """Return the diagnosis of a mask, and why."""
    if r.unseen > 0 and r.unseen_above >= _ABOVE and r.on_edge >= _WHOLE_OUTLINE:
        height = f"{1000 * r.unseen_above:.0f} mm"
        return Diagnosis.MISSED, f"Beside it lies what no instance covers, {height} higher."
    overlap = _overlap(r)
    if r.low >= _LOW and not overlap:
        return Diagnosis.BOUNDARY, f"{_percent(r.low)} of its mask is no higher than the empty bin."
    unbounded = r.on_edge < _POOR_OUTLINE or r.beyond_others + r.beyond_none >= _SURFACE_ON
    if r.low < _LOW and (p_value <= _STRANGE or (unbounded and p_value <= _UNUSUAL)):
        share = _percent(p_value)
        return Diagnosis.UNKNOWN_KIND, f"No more than {share} of known instances are as strange."
    merged = overlap or _divided(r, outcome)
    if merged:
        return Diagnosis.MERGED, merged
    if r.open_border >= _OPEN:
        return (
            Diagnosis.SPLIT,
            f"{_percent(r.open_border)} of its outline borders on another instance without an "
            "edge between them.",
        )
    if r.beyond_none >= _GOES_ON:
        return (
            Diagnosis.BOUNDARY,
            f"Its surface goes on where no instance is, {_percent(r.beyond_none)} of its mask's "
            "area further.",
        )
    if r.on_edge < _POOR_OUTLINE:
        return Diagnosis.BOUNDARY, f"Only {_percent(r.on_edge)} of its outline lies on an edge."
    return (
        Diagnosis.NOT_PERCEPTION,
        f"{_percent(r.on_edge)} of its outline lies on an edge, and it is whole.",
    )


def _overlap(r: MaskReadings) -> str:
    """Return in words that the mask takes in what is another instance; empty where it does not."""
    beside = r.shared >= _OVERLAP and r.swallowed < _BESIDE
    within = r.swallowed >= _WITHIN and _TAKES_IN <= r.shared < _ALL and r.solid < _SOLID
    return f"{_percent(r.shared)} of its mask lies on another instance." if beside or within else ""


def _divided(r: MaskReadings, outcome: Outcome) -> str:
    """Return in words that the mask is of several things; empty where it is of one."""
    if r.second >= 0.5 or (r.second >= _SECOND and r.solid < _SOLID):
        return f"An edge divides its mask: {_percent(r.second)} of it is another surface."
    if outcome is Outcome.WRONG_PICK:
        went = "" if r.gone is None else f"; {_percent(r.gone)} of its mask went"
        return f"Another package came up than the one meant{went}."
    return ""


def _untried(failed: Observation, strange: Mapping[int, float]) -> tuple[Diagnosis, str]:
    """Return the diagnosis where nothing was worth a try, and why."""
    regions = np.flatnonzero(failed.instances.labels == UNEXPLAINED).tolist()
    if not regions:
        return (
            Diagnosis.NOT_PERCEPTION,
            "Nothing was tried, and nothing stands there that was not seen.",
        )
    stranger = sum(strange.get(row, 1.0) <= _STRANGE for row in regions)
    if 2 * stranger >= len(regions):
        return (
            Diagnosis.UNKNOWN_KIND,
            f"Of {len(regions)} places where something stands unseen, {stranger} look like "
            "nothing known.",
        )
    return (
        Diagnosis.MISSED,
        f"Nothing was tried, but something stands in {len(regions)} places that was not seen.",
    )


def _check_sizes(failed: Observation, after: Observation | None, empty: Depth | None) -> None:
    size = (failed.frame.height, failed.frame.width)
    others = {"the empty bin": None if empty is None else empty.shape}
    if after is not None:
        others["the next look"] = (after.frame.height, after.frame.width)
    for thing, shape in others.items():
        if shape is not None and shape != size:
            raise InvalidInput(
                f"{thing} of observation {failed.id}", f"{size}", f"{shape}",
                "Pass what the same camera saw at the same resolution.",
            )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1f}%"
