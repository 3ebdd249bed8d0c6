"""Alarms and tickets on healthy pictures."""

from copy import deepcopy

from health.scenes import Watched
from health.tickets import Figures, wilson
from januscl.triage import FaultDesk
from januscl.watch import EProcess, main_cause
from januscl.watch.rate import AlarmRate

RATES = (20, 50, 100)
"""Healthy frames to a false alarm, as stated."""


def alarms(watched: Watched) -> Figures:
    """Count alarms, tickets and frames with a main cause of one healthy camera."""
    fitted, healthy = watched
    health, desk = deepcopy(fitted), FaultDesk(EProcess)
    rated = {rate: AlarmRate(1 / rate).fit(health.ordinary) for rate in RATES}
    counts: dict[str, int] = dict.fromkeys(
        ("frames", "ticketed", "bad", "tickets", *map(str, RATES)), 0
    )
    causes: list[str] = []
    for seen in healthy:
        signals = health.score(seen)
        cause = main_cause(signals)
        known = any(t.closed is None for t in desk.tickets)
        counts["frames"] += 1
        counts["ticketed"] += known
        counts["bad"] += cause is not None
        for rate, alarm in rated.items():
            # What lies under an open ticket is no alarm, right or wrong as the ticket may be.
            counts[str(rate)] += alarm.update(health.strangeness(signals), not known) and not known
        opened = desk.update("c", "r", seen.frame.at, cause)
        causes += [t.cause for t in opened if t.closed is None]
    return {**counts, "tickets": len(causes), "causes": causes}


def told(rows: list[Figures]) -> str:
    """Return what all cameras together say."""
    frames, lines = sum(int(r["frames"]) - int(r["ticketed"]) for r in rows), []
    for rate in RATES:
        raised = sum(int(r[str(rate)]) for r in rows)
        low, high = (rate * bound for bound in wilson(raised, frames))
        lines.append(
            f"  stated 1 in {rate:3d}: {raised:4d} alarms in {frames} frames, "
            f"{rate * raised / frames:.2f} of what is stated ({low:.2f}..{high:.2f})"
        )
    causes = [cause for r in rows for cause in r["causes"]]
    bad = sum(int(r["bad"]) for r in rows)
    ticketed = sum(int(r["ticketed"]) for r in rows)
    last = (
        f"  frames with a main cause {bad}, tickets {len(causes)} {causes} over {ticketed} frames"
    )
    return "\n".join([*lines, last])
