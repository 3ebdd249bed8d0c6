"""What a look at a release goes by, whoever looks: the picks that count, and when it is enough."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from januscl.core import Answer, Cell, Stage, StageReport
from januscl.line.policy import Releasing
from januscl.release import Tally
from januscl.store import Workspace


def tally(workspace: Workspace, cells: Iterable[Cell], model: str, since: datetime | None) -> Tally:
    """Count the picks of these cells on a model; those under a ticket do not count."""
    observations = workspace.catalogue.observations
    rows = [
        row
        for cell in cells
        for row in observations.list(robot=cell.robot, since=since)
        if row.model == model and row.pick is not None
    ]
    barred = observations.quarantined([row.id for row in rows])
    failed = [row.pick.outcome.failed for row in rows if row.pick and row.id not in barred]
    return Tally(len(failed), sum(failed))


def decided(report: StageReport, looks: int, policy: Releasing) -> StageReport:
    """End a stage that stays undecided, by what is known from before it.

    At the station and in beta, what is not shown safe goes no further. In the fleet, beta has
    shown it safe beside a control; there, what shows no harm has arrived.
    """
    if report.answer is not Answer.INCONCLUSIVE:
        return report
    if report.stage is Stage.FLEET and looks >= policy.fleet_looks:
        reason = "No harm was seen in the fleet, and the beta lines had ruled it out."
        return replace(report, answer=Answer.PASS, reasons=(*report.reasons, reason))
    if report.stage is not Stage.FLEET and looks >= policy.max_looks:
        reason = "It stayed undecided too long; the champion goes on."
        return replace(report, answer=Answer.FAIL, reasons=(*report.reasons, reason))
    return report
