"""A challenger on its way: test station, beta lines, fleet; and back, when picks suffer."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from januscl.core import (
    Answer,
    Cell,
    Conflict,
    ModelVersion,
    Release,
    SegmentationModel,
    Stage,
    StageReport,
)
from januscl.line.ending import end_release, watched
from januscl.line.fleet import Fleet, Tried, attempt
from januscl.line.looks import decided, tally
from januscl.line.policy import Releasing
from januscl.release import (
    Tally,
    advance,
    contenders,
    controls,
    guardrail,
    open_release,
    station_guardrail,
    who_runs,
)
from januscl.store import Transaction, Workspace

_PICKS_A_PILE = 3
_STATION_ALPHA = 0.2
_UNDER_WAY = (Stage.STATION, Stage.BETA, Stage.FLEET)


class Rollout:
    """Takes one release through its stages, each kept in the catalogue before it acts.

    A release is never left without a guardrail: an error, or an interruption, rolls it back. One
    whose process was killed is rolled back when a `Line` is opened over the workspace.

    Args:
        workspace: Holds releases, observations and the champion's alias.
        fleet: The robots. **Moves hardware**: the station's robot.
        load: Returns the model of an id.
        let_work: Lets the production robots make a number of attempts each.
        policy: Picks, margins and lines.
    """

    def __init__(
        self,
        workspace: Workspace,
        fleet: Fleet,
        load: Callable[[str], SegmentationModel],
        let_work: Callable[[int], None],
        policy: Releasing,
    ) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._load = load
        self._let_work = let_work
        self._policy = policy
        self._station: dict[str, list[bool]] = {}

    def run(self, challenger: ModelVersion, champion: str, novelty: str | None) -> Release:
        """Release a challenger and return the release as it ended.

        It ends early, rolled back, when a person stops it; see `januscl.line.ending`.

        Raises:
            Conflict: Another release is open.
            InvalidInput: The fleet has no station, or no line.
        """
        lines = sorted({cell.line for cell in self._fleet.cells if not cell.station})
        release = open_release(
            challenger.id,
            champion,
            beta_lines=lines[: self._policy.beta_lines],
            at=self._fleet.now,
            novelty=novelty,
        )
        with watched(self._workspace):
            self._open(release)
            try:
                return self._watch(release)
            except BaseException as error:
                why = f"{type(error).__name__}: {error}".rstrip(": ")
                self._give_up(release.id, f"It ended in an error: {why}")
                raise

    def _open(self, release: Release) -> None:
        """Keep a release that begins, unless another one is open."""
        who_runs(release, self._fleet.cells)  # refuses a fleet that it cannot be tried on
        with self._workspace.catalogue.transaction() as tx:
            for other in tx.releases.list(open_only=True):
                raise Conflict(
                    f"release {other.id} of {other.model} is open, at stage {other.stage}; end it "
                    f"with `janus release stop {other.id}` before another model is released"
                )
            tx.releases.put(release)
            self._record(release, "release.opened", tx)

    def _give_up(self, id: str, reason: str) -> None:
        """Roll a release back, if it did not end before."""
        with suppress(Conflict):
            end_release(self._workspace, id, reason, self._fleet.now)

    def _watch(self, release: Release) -> Release:
        """Take a release from look to look until it has ended."""
        self._station = {release.model: [], release.champion: []}
        looks = 0
        since = self._fleet.now
        while release.stage in _UNDER_WAY:
            report = (
                self._try_at_station(release)
                if release.stage is Stage.STATION
                else self._live(release, since)
            )
            looks += 1
            report = decided(report, looks, self._policy)
            before = release.stage
            release = self._advance(release, report)
            if release.stage is not before:
                looks, since = 0, self._fleet.now
        return release

    def _try_at_station(self, release: Release) -> StageReport:
        """Let both models pick from the same scripted piles. **Moves the station's robot.**

        A further look goes on with further piles; all picks count.
        """
        robot = self._fleet.robot(next(c.robot for c in self._fleet.cells if c.station))
        failed = self._station
        for model, picks in failed.items():
            begun, tried = len(picks), Tried()
            for number in range(begun, begun + self._policy.station_picks):
                if number % _PICKS_A_PILE == 0:
                    self._fleet.load_station(number // _PICKS_A_PILE)
                    tried = Tried()
                frame = robot.look()
                instances = self._load(model).predict([frame.image])[0]
                pick = attempt(robot, frame, instances, self._fleet.now, tried)
                picks.append(pick.outcome.failed)
        answer, reasons = station_guardrail(
            failed[release.model],
            failed[release.champion],
            margin=2 * self._policy.margin,
            # The script may be lengthened after a look, so each look gets its part of the error.
            alpha=_STATION_ALPHA / self._policy.max_looks,
        )
        return _report(
            Stage.STATION,
            answer,
            reasons,
            _tally(failed[release.model]),
            _tally(failed[release.champion]),
        )

    def _live(self, release: Release, since: datetime) -> StageReport:
        """Let the fleet work and compare the challenger's picks with its control's."""
        cells = [cell for cell in self._fleet.cells if not cell.station]
        runs = who_runs(release, self._fleet.cells)
        many = sum(runs[cell.robot] == release.model for cell in cells)
        self._let_work(max(1, self._policy.stage_picks // max(1, many)))
        tries = contenders(release, self._fleet.cells)
        challenger = self.tally([c for c in cells if c.robot in tries], release.model, since)
        control_robots = controls(release, self._fleet.cells)
        if control_robots:
            control = self.tally(
                [cell for cell in cells if cell.robot in control_robots], release.champion, since
            )
        else:
            # No robot is held back: the champion's picks of the beta stage are the nearest.
            control = self.tally(cells, release.champion, release.opened)
        answer, reasons = guardrail(challenger, control, margin=self._policy.margin)
        return _report(release.stage, answer, reasons, challenger, control)

    def tally(self, cells: Sequence[Cell], model: str, since: datetime | None) -> Tally:
        """Count the picks of these cells on a model; those under a ticket do not count."""
        return tally(self._workspace, cells, model, since)

    def _advance(self, release: Release, report: StageReport) -> Release:
        """Keep what a look came to; where a person ended the release meanwhile, that stands."""
        with self._workspace.catalogue.transaction() as tx:
            kept = tx.releases.get(release.id)
            if kept.stage not in _UNDER_WAY:
                return kept
            release = advance(release, report)
            tx.releases.put(release)
            if release.stage is Stage.DONE:
                tx.aliases.set("champion", release.model)
            self._record(release, f"release.{report.answer}", tx)
        return release

    def _record(self, release: Release, action: str, tx: Transaction) -> None:
        reasons = release.reports[-1].reasons if release.reports else ()
        detail = {"model": release.model, "stage": release.stage, "reasons": list(reasons)}
        tx.audit.record("line", action, release.id, detail, self._fleet.now)


def _tally(failed: Sequence[bool]) -> Tally:
    return Tally(len(failed), sum(failed))


def _report(
    stage: Stage, answer: Answer, reasons: Sequence[str], challenger: Tally, control: Tally
) -> StageReport:
    return StageReport(
        stage,
        answer,
        tuple(reasons),
        challenger.picks,
        challenger.failed,
        control.picks,
        control.failed,
    )
