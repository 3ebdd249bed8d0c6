"""``janus worker``: drains the inbox, watches, learns and releases; any number of them."""

import logging
import os
import signal
import socket
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from januscl.cli.output import console
from januscl.cli.sending import sending, workflows_place
from januscl.cli.service import FolderOption
from januscl.core import Cell, InvalidInput, NotFound
from januscl.store import Workspace

if TYPE_CHECKING:
    from januscl.line.settings import Settings

_log = logging.getLogger("januscl.worker")

ExecutorIdOption = Annotated[
    str | None,
    typer.Option(
        help="What this worker is called, after a restart as well; the machine's name if omitted."
    ),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        help="Where heavy jobs run: `local`, a Ray cluster's http://head:8265, or "
        "batch://queue/definition.",
    ),
]
JobsOption = Annotated[
    str | None,
    typer.Option(help="Where heavy jobs keep their state; a folder in the workspace if omitted."),
]
WorkflowsOption = Annotated[
    str | None,
    typer.Option(
        help="Database of the workflows: a file or a PostgreSQL URL; beside the catalogue if "
        "omitted.",
    ),
]
CellsOption = Annotated[
    Path | None, typer.Option(help="TOML file of the fleet's cells; those kept before if omitted.")
]
PicksOption = Annotated[
    float | None, typer.Option("--picks-a-day", help="Attempts a day in the whole fleet.")
]
LinesOption = Annotated[
    bool, typer.Option("--json", help="Log JSON lines on a terminal too, as anywhere else.")
]


def worker(  # noqa: PLR0913
    workspace: FolderOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="End as soon as there is nothing to do but to wait.")
    ] = False,
    executor_id: ExecutorIdOption = None,
    executor: ExecutorOption = None,
    jobs: JobsOption = None,
    workflows: WorkflowsOption = None,
    cells: CellsOption = None,
    picks_a_day: PicksOption = None,
    json: LinesOption = False,
) -> None:
    """Work: drain the inbox, watch, label, train, release, send notices; stop it with Ctrl-C."""
    from januscl.line.settings import load_settings, open_workspace

    options = {
        "workspace": workspace, "executor_id": executor_id, "executor": executor, "jobs": jobs,
        "workflows": workflows, "cells": cells, "picks_a_day": picks_a_day,
    }  # fmt: skip
    settings = load_settings(options)
    _log_to(settings.log_level, as_json=json or not sys.stdout.isatty())
    with open_workspace(settings) as opened:
        _work(opened, settings, once)
    _log.info("stopped; what was under way goes on at the next start")
    sys.stdout.flush()
    # A workflow that waits for tomorrow has a thread here; nothing of it is lost.
    os._exit(0)


def _work(workspace: Workspace, settings: "Settings", once: bool) -> None:
    from januscl.compute.choose import executor_from
    from januscl.line.durable.worker import Worker
    from januscl.line.flat import policy_of
    from januscl.line.tidying import Tidier

    _keep_cells(workspace, settings.cells)
    policy = policy_of(settings.policy)
    runner = executor_from(
        settings.executor,
        settings.jobs or workspace.folder / "jobs",
        threads=policy.learning.threads,
    )
    name = settings.executor_id or socket.gethostname()
    place = workflows_place(settings, workspace)
    worker = Worker(workspace, place, name, policy, runner, settings.picks_a_day)
    cells = len(workspace.catalogue.cells.list())
    _log.info("worker %s on %s, with %d cells; Ctrl-C stops it", name, workspace.folder, cells)
    tidier = Tidier(
        workspace, settings.tend_seconds, settings.keep_days, settings.keep_health_days,
        _forgot, _untidied,
    )  # fmt: skip
    tidier.start()
    with sending(settings, workspace, once):
        worker.run(_stop(), once)
    tidier.stop()


def _forgot(number: int) -> None:
    _log.info("the pictures of %d old observations were forgotten", number)


def _untidied(error: Exception) -> None:
    _log.exception("the observation log could not be tidied; it is tried again")


class _Lines(logging.Handler):
    """Prints what is logged as lines for a person."""

    _STYLES = ((logging.ERROR, "bold red"), (logging.WARNING, "yellow"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line: the time of day, what happened, and of an error its last words."""
        from januscl.line.logs import masked

        style = next((style for level, style in self._STYLES if record.levelno >= level), "")
        line = Text(datetime.fromtimestamp(record.created).strftime("%H:%M:%S "), style="dim")
        line.append(masked(record.getMessage()), style=style)
        if record.exc_info and record.exc_info[1] is not None:
            line.append(f" ({masked(str(record.exc_info[1]))})", style=style)
        console.print(line)


def _log_to(level: str, as_json: bool) -> None:
    """Log what Janus says from a level on, and of libraries only what is wrong."""
    from januscl.line.logs import Forward, make_log

    handler: logging.Handler = Forward(make_log(level)) if as_json else _Lines()
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("januscl").setLevel(level.upper())


def _stop() -> Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _keep_cells(workspace: Workspace, file: Path | None) -> None:
    """Keep the cells of a file: a table ``[[cell]]`` for each robot."""
    if file is None:
        return
    try:
        listed = tomllib.loads(file.read_text(encoding="utf-8"))["cell"]
        cells = [_cell(value) for value in listed]
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"cells in {file}",
            "tables [[cell]] with robot, camera, line, site and, of the test station, station=true",
            f"{type(error).__name__}: {error}"[:120],
            "docs/service.md shows one.",
        ) from error
    with workspace.catalogue.transaction() as tx:
        for cell in cells:
            tx.cells.put(cell)


def _cell(value: dict[str, Any]) -> Cell:
    robot, camera, line, site = names = [
        value[name] for name in ("robot", "camera", "line", "site")
    ]
    station = value.get("station", False)
    if not all(isinstance(name, str) and name for name in names) or not isinstance(station, bool):
        raise ValueError(f"{value}")
    return Cell(robot, camera, line, site, station)
