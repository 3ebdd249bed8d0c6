"""A robot checks in: it says how it is, and learns what it should run and what is wanted of it."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from januscl.core import Conflict, InvalidInput, ModelVersion, NotFound, Outcome
from januscl.line.standing import UNTAUGHT, Standing
from januscl.line.wanting import REACH, Wanting
from januscl.release.signing import new_key, read_key, sign_model
from januscl.store import Catalogue, CheckIn, Workspace

_COUNTER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST_COUNTERS, _LONGEST_ERROR, _LARGEST = 64, 2000, 2**53
_MOST_WANTED = 20


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file that signs models; a new one where there is no file.

    Raises:
        InvalidInput: It holds something else, or others may read it.
        StorageFull: There is no room for a new one.
    """
    if not path.exists():
        with suppress(Conflict):  # another process was first; its key is taken
            new_key(path)
    return read_key(path)


class Desk:
    """Answers robots that check in.

    Args:
        workspace: Holds fleet, releases and campaigns.
        key: Signs the model versions.
        clock: The time, UTC.
    """

    def __init__(
        self,
        workspace: Workspace,
        key: Ed25519PrivateKey,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._key, self._clock = key, clock
        self._wanting = Wanting(workspace.catalogue)
        self._models: dict[str, dict[str, Any]] = {}

    def check_in(self, robot: str, value: Any) -> dict[str, Any]:
        """Keep how a robot is and return what it should know.

        Args:
            robot: Its name.
            value: ``{"running": model or null, "counters": {name: number}, "error": text or null}``

        Returns:
            ``{"model": {"id", "sha256", "bytes", "signature"} or null, "wanted": [ids],
            "campaigns": [{"id", "quota", "expires"}]}``.

        Raises:
            InvalidInput: A field is wrong.
        """
        now = self._clock()
        self._catalogue.check_ins.put(_check_in(robot, value, now))
        model = self._desired(robot)
        return {
            "model": None if model is None else self._told(model),
            "wanted": self._wanted(robot, now),
            "campaigns": [
                {
                    "id": campaign.id,
                    "quota": campaign.quota,
                    "expires": campaign.expires.isoformat(),
                }
                for campaign in self._catalogue.campaigns.list()
                if now < campaign.expires and len(campaign.frames) < campaign.quota
            ],
        }

    def _desired(self, robot: str) -> ModelVersion | None:
        """Return the version that a robot should run; the champion, for one in no known cell.

        None while there is no champion, or it is still to be taught.
        """
        try:
            champion, runs = _standing(self._catalogue)
        except NotFound:
            return None
        model = self._catalogue.models.get(runs.get(robot, champion))
        return None if model.card.get(UNTAUGHT) else model

    def _told(self, model: ModelVersion) -> dict[str, Any]:
        if model.id not in self._models:
            path = self._workspace.model_file(model.weights)
            self._models[model.id] = {
                "id": model.id,
                "sha256": model.weights,
                "bytes": path.stat().st_size,
                "signature": sign_model(self._key, model, path),
            }
        return self._models[model.id]

    def _wanted(self, robot: str, now: datetime) -> list[str]:
        """Return the latest failed picks whose pixels did not come, and what else is wanted."""
        since = now - REACH
        failed = [
            row
            for outcome in Outcome
            if outcome.failed
            for row in self._catalogue.observations.list(
                robot=robot, since=since, outcome=outcome, limit=_MOST_WANTED, newest_first=True
            )
            if row.image is None
        ]
        failed.sort(key=lambda row: row.at, reverse=True)
        ids = [row.id for row in failed[:_MOST_WANTED]]
        return list(dict.fromkeys([*ids, *self._wanting.of(robot, now)]))


def robots_of(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return each robot's place, the model that it should run, and how it was last, by its name."""
    cells = {cell.robot: cell for cell in catalogue.cells.list()}
    told = {check_in.robot: check_in for check_in in catalogue.check_ins.list()}
    try:
        champion, runs = _standing(catalogue)
    except NotFound:
        champion, runs = None, {}
    found = []
    for robot in sorted(cells.keys() | told.keys()):
        cell, last = cells.get(robot), told.get(robot)
        found.append(
            {
                "robot": robot,
                "camera": cell and cell.camera,
                "line": cell and cell.line,
                "site": cell and cell.site,
                "station": cell is not None and cell.station,
                "desired": runs.get(robot, champion),
                "running": last and last.running,
                "seen": last and last.at,
                "error": last and last.error,
                "counters": last.counters if last else {},
            }
        )
    return found


def _standing(catalogue: Catalogue) -> tuple[str, dict[str, str]]:
    """Return the champion and which model each robot in a known cell should run."""
    champion = catalogue.aliases.get("champion")
    try:
        return champion, Standing(catalogue, catalogue.cells.list()).runs()
    except InvalidInput:  # an open release that does not fit these cells decides nothing
        return champion, {}


def _check_in(robot: str, value: Any, at: datetime) -> CheckIn:
    given = value if isinstance(value, Mapping) else {}
    running, error, counters = given.get("running"), given.get("error"), given.get("counters", {})
    if not isinstance(value, Mapping) or not _is_name(running):
        raise InvalidInput(
            "check-in", "running, counters and error", repr(value)[:80], "Name a model, or null."
        )
    if error is not None and not (isinstance(error, str) and len(error) <= _LONGEST_ERROR):
        raise InvalidInput(
            "check-in.error", f"{_LONGEST_ERROR} characters or null", repr(error)[:80], "Cut it."
        )
    if not isinstance(counters, Mapping) or len(counters) > _MOST_COUNTERS:
        raise InvalidInput(
            "check-in.counters", f"at most {_MOST_COUNTERS}", repr(counters)[:80], "Send fewer."
        )
    for name, number in counters.items():
        if not _COUNTER.fullmatch(name) or type(number) is not int or abs(number) > _LARGEST:
            raise InvalidInput(
                f"check-in.counters.{name!r}"[:80],
                "a lower-case name and a whole number",
                repr(number)[:80],
                "Count in whole numbers.",
            )
    # A lone surrogate, which JSON allows, is no text that a database keeps.
    text = None if error is None else error.encode(errors="replace").decode()
    return CheckIn(robot, at, running, dict(counters), text)


def _is_name(value: Any) -> bool:
    named = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return value is None or named
