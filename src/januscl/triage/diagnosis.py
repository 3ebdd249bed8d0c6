"""Why a pick failed, as far as perception goes: the mask that it was based on is diagnosed."""

from collections.abc import Mapping, Sequence

import numpy as np

from januscl.core import (
    UNEXPLAINED,
    Conflict,
    Depth,
    InvalidInput,
    Observation,
    Signal,
    decode_mask,
)
from januscl.triage.findings import Diagnosis, Finding
from januscl.triage.judge import judged
from januscl.triage.mask_readings import read_mask
from januscl.triage.mask_rules import STRANGE, by_rules
from januscl.triage.pick_readings import Readings, read_pick
from januscl.triage.surfaces import find_edges, measured

__all__ = ["Diagnosis", "Finding", "diagnose", "readings_of"]

CUP = 0.016
"""Radius of the suction cup in metres, unless told otherwise."""


def diagnose(
    failed: Observation,
    signals: Sequence[Signal],
    after: Observation | None = None,
    empty: Depth | None = None,
    field_of_view: float = 40.0,
    cup: float = CUP,
) -> Finding:
    """Say what was wrong with the mask that a failed pick was based on, if that made it fail.

    ======================  ============================================================
    merged                  the mask takes in a second package
    split                   it holds a part of its package, other instances hold the rest
    boundary                it lies on no package, or its outline is off
    unknown kind            one of these, on a package of a kind that was not taught
    missed                  a package that no instance covers lies on it, or came up too
    not perception's fault  the mask is good, or the best mask would not have helped: look
                            at the tool, the weight, the choice of the pick
    ======================  ============================================================

    With depth and the empty bin, a network draws the package again from colour and depth. How the
    mask fits it, how a cup sits, what went and how strange it is are weighed as was learned from
    the simulator's truth. Without either, rules weigh where surfaces end. Where the robot found
    nothing to try, what no instance covers decides.

    It is a hint and no verdict: ``docs/watch.md`` says how often it is right.

    Args:
        failed: With its pick, and with its unexplained regions where they are known.
        signals: The watchers' readings of it; those named ``novelty`` count.
        after: The next look at the same bin, or None; it tells what went.
        empty: ``(H, W) float32`` metres, the empty bin.
        field_of_view: Of the depth camera's width, degrees.
        cup: Radius of the suction cup, metres.

    Raises:
        Conflict: There is no failed pick.
        InvalidInput: The empty bin or the next look has another size than the frame.
    """
    pick = failed.pick
    if pick is None or not pick.outcome.failed:
        raise Conflict(f"observation {failed.id} has no failed pick; diagnose those that failed")
    _check_sizes(failed, after, empty)
    strange, row, sure = _strangeness(signals), pick.instance, None
    if row is None:
        diagnosis, evidence = _untried(failed, strange)
    elif not failed.instances.masks[row].area:
        diagnosis, evidence = Diagnosis.BOUNDARY, "Its mask is empty."
    else:
        readings = readings_of(failed, signals, after, empty, field_of_view, cup)
        if readings is not None:
            diagnosis, evidence, sure = judged(readings)
        else:
            frame, later = failed.frame, None if after is None else after.frame.depth
            edges = find_edges(frame.image, frame.depth, field_of_view)
            read = read_mask(row, failed.instances, edges, frame.depth, empty, later)
            diagnosis, evidence = by_rules(read, strange.get(row, 1.0), pick.outcome)
    return Finding(failed.id, row, diagnosis, evidence, sure)


def readings_of(
    failed: Observation,
    signals: Sequence[Signal],
    after: Observation | None = None,
    empty: Depth | None = None,
    field_of_view: float = 40.0,
    cup: float = CUP,
) -> Readings | None:
    """Return what is weighed of a failed pick, or None where it is not: see `diagnose`.

    Raises:
        InvalidInput: The empty bin or the next look has another size than the frame.
    """
    _check_sizes(failed, after, empty)
    pick, depth = failed.pick, failed.frame.depth
    if pick is None or pick.instance is None or depth is None or empty is None:
        return None
    if not measured(depth)[decode_mask(failed.instances.masks[pick.instance])].any():
        return None
    later = None if after is None else after.frame.depth
    return read_pick(failed, _strangeness(signals), later, empty, field_of_view, cup)


def _strangeness(signals: Sequence[Signal]) -> dict[int, float]:
    """Return the p-value of each instance by its novelty."""
    return {
        s.instance: s.p_value
        for s in signals
        if s.instance is not None and s.watcher.split(".")[0] == "novelty"
    }


def _untried(failed: Observation, strange: Mapping[int, float]) -> tuple[Diagnosis, str]:
    """Return the diagnosis where nothing was worth a try, and why."""
    regions = np.flatnonzero(failed.instances.labels == UNEXPLAINED).tolist()
    if not regions:
        return (
            Diagnosis.NOT_PERCEPTION,
            "Nothing was tried, and nothing stands there that was not seen.",
        )
    stranger = sum(strange.get(row, 1.0) <= STRANGE for row in regions)
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
