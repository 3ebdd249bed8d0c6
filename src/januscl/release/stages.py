"""The way of a model version: station, beta lines, fleet, done; or stopped, or rolled back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from januscl.core import Answer, Cell, Conflict, InvalidInput, Release, Stage, StageReport, utc
from januscl.core import new_id as make_id

_HELD_BACK = 20
"""Of so many robots outside the beta lines, one keeps the champion until the release is done."""
_NEXT = {Stage.STATION: Stage.BETA, Stage.BETA: Stage.FLEET, Stage.FLEET: Stage.DONE}


def open_release(
    model: str,
    champion: str,
    *,
    beta_lines: Sequence[str],
    at: datetime,
    novelty: str | None = None,
    id: str | None = None,
) -> Release:
    """Return a release at its first stage, the station.

    Args:
        model: Id of the challenger.
        champion: Id of the model that runs now.
        beta_lines: The lines that try it before the fleet does; one or more.
        at: When, with a time zone.
        novelty: Id of the novelty it is for.
        id: Of the release; a new UUIDv7 when omitted.

    Raises:
        InvalidInput: The challenger is the champion, no beta line is named, or the time has no
            zone.
    """
    if model == champion:
        raise InvalidInput(
            "challenger",
            "another model than the champion",
            f"{model} twice",
            "Release the model that was trained, not the one that runs.",
        )
    if not beta_lines:
        raise InvalidInput(
            "beta lines",
            "at least one line",
            "none",
            "Name one or two lines that try the model before the fleet does.",
        )
    at = utc(at, "opening of the release")
    return Release(
        id or make_id(at), model, champion, novelty, tuple(beta_lines), Stage.STATION, at
    )


def advance(release: Release, report: StageReport) -> Release:
    """Return the release after a report of its present stage.

    Pass leads to the next stage, fail stops it at the station and rolls it back later, and
    inconclusive leaves it where it is, to collect more picks. Every report is kept.

    Raises:
        Conflict: The release has ended, or the report is of another stage.
    """
    if release.stage not in _NEXT:
        raise Conflict(f"release {release.id} has ended ({release.stage}); open a new one")
    if report.stage is not release.stage:
        raise Conflict(
            f"release {release.id} is at stage {release.stage}, the report is of {report.stage}; "
            "report on the present stage"
        )
    stage = release.stage
    if report.answer is Answer.PASS:
        stage = _NEXT[stage]
    elif report.answer is Answer.FAIL:
        stage = Stage.STOPPED if stage is Stage.STATION else Stage.ROLLED_BACK
    return replace(release, stage=stage, reports=(*release.reports, report))


def roll_back(release: Release, reason: str) -> Release:
    """Return the release as it ends from outside, at whatever stage: all run the champion again.

    The reason is kept as a report without picks.

    Raises:
        Conflict: The release has ended.
    """
    if release.stage not in _NEXT:
        raise Conflict(f"release {release.id} has ended already ({release.stage})")
    report = StageReport(release.stage, Answer.FAIL, (reason,), 0, 0, 0, 0)
    return replace(release, stage=Stage.ROLLED_BACK, reports=(*release.reports, report))


def who_runs(release: Release, cells: Sequence[Cell]) -> dict[str, str]:
    """Return the id of the model that each robot should run at the release's stage.

    The test station runs the challenger from the first stage on, the beta lines from the second,
    the fleet from the third. One robot in 20 outside the beta lines, and one at least, is held
    back until the release is done: a control that sees the traffic of the same hours. A fleet with
    no two robots outside the beta lines holds none back. After a stop or a rollback all run the
    champion.

    Raises:
        InvalidInput: The stage has no cell to run on: no station, or an unknown beta line.
    """
    if release.stage is Stage.STATION and not any(cell.station for cell in cells):
        raise InvalidInput(
            f"cells of release {release.id}",
            "a test station",
            f"none among {[cell.robot for cell in cells]}",
            "Mark the cell that no customer's order depends on with station=True.",
        )
    unknown = sorted(set(release.beta_lines) - {cell.line for cell in cells if not cell.station})
    if unknown:
        raise InvalidInput(
            f"beta lines of release {release.id}",
            f"lines among {sorted({cell.line for cell in cells if not cell.station})}",
            f"{unknown}",
            "Name lines that have robots.",
        )
    held = _held_back(release, cells) if release.stage is Stage.FLEET else set()
    return {
        cell.robot: release.model
        if _tries(release, cell) and cell.robot not in held
        else release.champion
        for cell in cells
    }


def controls(release: Release, cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the robots at work that run the champion now: what a guardrail compares with.

    Empty when no robot is held back in the fleet stage; compare with the champion's picks of the
    stages before then.

    Raises:
        InvalidInput: As for `who_runs`.
    """
    runs = who_runs(release, cells)
    return tuple(c.robot for c in cells if not c.station and runs[c.robot] == release.champion)


def contenders(release: Release, cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the robots whose picks speak for the challenger now.

    The station, then the beta lines, then those that joined in the fleet stage where others are
    held back beside them: the beta lines were judged already, and would hide what goes wrong
    elsewhere.

    Raises:
        InvalidInput: As for `who_runs`.
    """
    runs, at_station = who_runs(release, cells), release.stage is Stage.STATION
    judged = set(release.beta_lines) if _held_back(release, cells) else set()
    return tuple(
        cell.robot
        for cell in cells
        if cell.station is at_station
        and runs[cell.robot] == release.model
        and (release.stage is not Stage.FLEET or cell.line not in judged)
    )


def _held_back(release: Release, cells: Sequence[Cell]) -> set[str]:
    """Return the robots that keep the champion in the fleet stage, spread over the lines."""
    outside = sorted(
        (cell.line, cell.robot)
        for cell in cells
        if not cell.station and cell.line not in release.beta_lines
    )
    return {robot for _, robot in outside[::-_HELD_BACK]} if len(outside) > 1 else set()


def _tries(release: Release, cell: Cell) -> bool:
    """Say whether this cell runs the challenger."""
    if release.stage is Stage.STATION:
        return cell.station
    if release.stage is Stage.BETA:
        return cell.station or cell.line in release.beta_lines
    return release.stage in (Stage.FLEET, Stage.DONE)
