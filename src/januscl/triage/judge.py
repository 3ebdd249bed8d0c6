"""What the readings of a failed pick mean, as it was learned from the simulator's truth."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.triage.findings import Diagnosis, percent
from januscl.triage.pick_readings import Readings

FARTHEST = 5.0
"""Spreads from the mean beyond which a reading counts no further."""
_WEIGHTS = Path(__file__).with_name("judge.npz")
_SEALS = 0.74  # share of its rim from which a cup holds
_FITS = 0.7  # share


def judged(readings: Readings) -> tuple[Diagnosis, str, float]:
    """Return the diagnosis, why in one sentence, and the share of such failures it is right of."""
    found = shares_of(readings)
    diagnosis = max(found, key=lambda each: found[each])
    return diagnosis, _evidence(diagnosis, readings), found[diagnosis]


def shares_of(readings: Readings) -> dict[Diagnosis, float]:
    """Return the share of failures with such readings that each diagnosis is right of.

    Multinomial logistic regression, which ``benchmarks/learn_diagnosis.py`` fitted.
    """
    learned = _learned()
    values = np.asarray([readings[name] for name in learned["names"].tolist()])
    unusual = np.clip((values - learned["mean"]) / learned["spread"], -FARTHEST, FARTHEST)
    logits = learned["weights"] @ unusual + learned["bias"]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    named = zip(learned["diagnoses"].tolist(), shares.tolist(), strict=True)
    return {Diagnosis(name): share for name, share in named}


@lru_cache(maxsize=1)
def _learned() -> dict[str, NDArray[Any]]:
    with np.load(_WEIGHTS, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _evidence(diagnosis: Diagnosis, r: Readings) -> str:
    match diagnosis:
        case Diagnosis.MERGED:
            came = ", and another came up than the one meant" if r["ended_wrong_pick"] else ""
            return f"{percent(r['on_others'])} of its mask lies on another package{came}."
        case Diagnosis.SPLIT:
            part, rest = percent(r["holds"]), percent(r["elsewhere"])
            return f"It holds {part} of its package; other instances hold {rest} of it."
        case Diagnosis.BOUNDARY if r["on_bin"] >= 0.3:
            return f"{percent(r['on_bin'])} of its mask lies on no package."
        case Diagnosis.BOUNDARY:
            return f"Its mask and its package have {percent(r['fits'])} in common."
        case Diagnosis.MISSED:
            share = percent(r["under_unseen"])
            return f"What no instance covers lies higher along {share} of its outline."
        case Diagnosis.UNKNOWN_KIND:
            share, fits = percent(float(np.exp(r["strangest"]))), percent(r["fits"])
            return (
                f"No more than {share} of known instances are as strange; its mask and its "
                f"package have {fits} in common."
            )
        case _:
            return _innocent(r)


def _innocent(r: Readings) -> str:
    """Return why it is not the mask's fault."""
    if r["could_seal"] < _SEALS:
        seat = percent(r["could_seal"])
        return f"No mask would have helped: a cup would seal on {seat} of its rim at best."
    if r["under"] >= 0.3:
        return f"Its package lies under others along {percent(r['under'])} of its outline."
    if r["fits"] >= _FITS:
        return f"Its mask and its package have {percent(r['fits'])} in common."
    return "A better mask would hardly have helped: look at the weight and the tool."
