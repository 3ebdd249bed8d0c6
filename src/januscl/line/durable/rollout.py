"""A challenger on its way over robots that are far away: they check in, pick, and report.

Which model a robot runs follows from the release's row: whoever answers its check-in reads it (see
`januscl.line.standing`). So a stage is set by keeping the release at it, and a rollback as well.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from januscl.core import (
    Answer,
    Cell,
    Conflict,
    NoveltyState,
    Release,
    Stage,
    StageReport,
    new_id,
)
from januscl.line.durable.shop import Shop
from januscl.line.durable.steps import OVER, READY, WAIT
from januscl.line.ending import end_release
from januscl.line.looks import decided, tally
from januscl.release import Tally, advance, contenders, controls, guardrail, open_release, who_runs
from januscl.store import Transaction

_UNDER_WAY = (Stage.STATION, Stage.BETA, Stage.FLEET)
_BEGINS = ("release.opened", f"release.{Answer.PASS}")
_LEAST = 40
"""Picks that the guardrail asks of each side before it lets a model pass."""
_BEFORE = timedelta(days=7)
"""For so long before a release the station's picks on the champion are its control."""


class Rollout:
    """The steps of a release.

    Args:
        shop: Whose cells, observations and releases.
        patience: For how long a stage waits for the picks of one look; then it is rolled back.
    """

    def __init__(self, shop: Shop, patience: timedelta = timedelta(days=7)) -> None:
        self._shop, self._workspace, self._catalogue = shop, shop.workspace, shop.catalogue
        self._policy, self._patience = shop.policy.releasing, patience

    def open(self, step: str, novelty: str, challenger: str, champion: str) -> str | None:
        """Open a release, unless another one is open; return its id.

        A site without a test station begins with its beta lines. Where no robot works there is
        nothing to release to, and the gate alone decides.

        Returns:
            The release's id; an empty text where no robot works, and None while another release is
            open.
        """
        shop, now = self._shop, self._shop.clock()
        cells = self._catalogue.cells.list()
        lines = sorted({cell.line for cell in cells if not cell.station})
        with shop.lock:
            shop.ledger_of(novelty).move(novelty, NoveltyState.IN_RELEASE, now)
        if not lines:
            return ""
        begun = self._begun(step)
        if begun is not None:
            return begun
        entropy = sha256(step.encode()).digest()[:10]
        release = open_release(
            challenger, champion, beta_lines=lines[: self._policy.beta_lines], at=now,
            novelty=novelty, id=new_id(now, entropy),
        )  # fmt: skip
        if not any(cell.station for cell in cells):
            release = replace(release, stage=Stage.BETA)
        who_runs(release, cells)  # refuses a fleet that it cannot be tried on
        with self._catalogue.transaction() as tx:
            if tx.releases.list(open_only=True):
                return None
            tx.releases.put(release)
            self._record(tx, release, "release.opened", now, step)
        return release.id

    def _begun(self, step: str) -> str | None:
        """Return the id of the release that this very step opened before a kill, if it did."""
        for row in self._catalogue.audit.list(action="release.opened"):
            if row.detail.get("step") == step:
                return row.subject
        return None

    def look(self, step: str, release: str) -> str:
        """Let the guardrail decide, once enough picks were reported under the challenger.

        Each answer takes the release on, or back; a person may have ended it meanwhile.
        """
        found, now = self._catalogue.releases.get(release), self._shop.clock()
        if found.stage not in _UNDER_WAY:
            return OVER
        report = self._report(found)
        if report is None:
            if now - self._last(found) > self._patience:
                with suppress(Conflict):
                    end_release(self._workspace, release, "too few picks were reported", now)
            return WAIT
        with self._catalogue.transaction() as tx:
            kept = tx.releases.get(release)
            if kept != found:  # it was ended, or this look was kept before a kill
                return READY
            moved = advance(kept, report)
            tx.releases.put(moved)
            if moved.stage is Stage.DONE:
                tx.aliases.set("champion", moved.model)
            self._record(tx, moved, f"release.{report.answer}", now, step)
        return READY

    def _report(self, release: Release) -> StageReport | None:
        """Return what a stage came to at its next look; None until enough was picked for it."""
        cells, since = self._catalogue.cells.list(), self._begins(release)
        at_station, judged = release.stage is Stage.STATION, contenders(release, cells)
        tries = [cell for cell in cells if cell.robot in judged]
        looks = sum(report.stage is release.stage for report in release.reports) + 1
        challenger = self._tally(tries, release.model, since)
        each = self._policy.station_picks if at_station else self._policy.stage_picks
        if challenger.picks < looks * each:
            return None
        control = self._control(release, cells, tries, since)
        margin = self._policy.margin * (2 if at_station else 1)
        answer, reasons = guardrail(challenger, control, margin=margin, min_picks=_LEAST)
        report = StageReport(
            release.stage, answer, tuple(reasons),
            challenger.picks, challenger.failed, control.picks, control.failed,
        )  # fmt: skip
        return decided(report, looks, self._policy)

    def _control(
        self, release: Release, cells: Sequence[Cell], tries: Sequence[Cell], since: datetime
    ) -> Tally:
        """Count the picks on the champion that the challenger's are compared with.

        At the station those of the station itself, before, if it made enough for an answer;
        its piles are like no other's. Else those of the robots that run the champion meanwhile, and
        where none does any more, all since the release was opened.
        """
        if release.stage is Stage.STATION:
            own = self._tally(tries, release.champion, release.opened - _BEFORE)
            if own.picks >= max(self._policy.station_picks, _LEAST):
                return own
        beside = set(controls(release, cells))
        working = [cell for cell in cells if not cell.station]
        if beside:
            return self._tally([c for c in working if c.robot in beside], release.champion, since)
        return self._tally(working, release.champion, release.opened)

    def _tally(self, cells: Iterable[Cell], model: str, since: datetime) -> Tally:
        return tally(self._workspace, cells, model, since)

    def _begins(self, release: Release) -> datetime:
        """Return when the release's present stage began."""
        rows = self._catalogue.audit.list(subject=release.id)
        return max((row.at for row in rows if row.action in _BEGINS), default=release.opened)

    def _last(self, release: Release) -> datetime:
        """Return when something was last decided of a release."""
        rows = self._catalogue.audit.list(subject=release.id)
        return max((row.at for row in rows), default=release.opened)

    def _record(
        self, tx: Transaction, release: Release, action: str, at: datetime, step: str
    ) -> None:
        reasons = release.reports[-1].reasons if release.reports else ()
        detail = {"model": release.model, "stage": release.stage, "reasons": list(reasons)}
        tx.audit.record("line", action, release.id, {**detail, "step": step}, at)
