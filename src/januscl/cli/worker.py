"""``janus worker``: drains the inbox, watches, learns and releases; any number of them."""

import os
import signal
import socket
import tomllib
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from januscl.cli.service import FolderOption
from januscl.core import Cell, InvalidInput, NotFound
from januscl.store import Workspace

ExecutorIdOption = Annotated[
    str | None,
    typer.Option(
        envvar="JANUS_EXECUTOR_ID",
        help="What this worker is called, after a restart as well; the machine's name if omitted.",
    ),
]
ExecutorOption = Annotated[
    str,
    typer.Option(
        envvar="JANUS_EXECUTOR",
        help="Where heavy jobs run: `local`, a Ray cluster's http://head:8265, or "
        "batch://queue/definition.",
    ),
]
JobsOption = Annotated[
    str | None,
    typer.Option(
        envvar="JANUS_JOBS",
        help="Where heavy jobs keep their state; a folder in the workspace if omitted.",
    ),
]
WorkflowsOption = Annotated[
    str | None,
    typer.Option(
        envvar="JANUS_WORKFLOWS",
        help="Database of the workflows: a file or a PostgreSQL URL; beside the catalogue if "
        "omitted.",
    ),
]
CellsOption = Annotated[
    Path | None, typer.Option(help="TOML file of the fleet's cells; those kept before if omitted.")
]
PicksOption = Annotated[
    float, typer.Option("--picks-a-day", min=0, help="Attempts a day in the whole fleet.")
]


def worker(
    workspace: FolderOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="End as soon as there is nothing to do but to wait.")
    ] = False,
    executor_id: ExecutorIdOption = None,
    executor: ExecutorOption = "local",
    jobs: JobsOption = None,
    workflows: WorkflowsOption = None,
    cells: CellsOption = None,
    picks_a_day: PicksOption = 10_000.0,
) -> None:
    """Work: drain the inbox, watch, label, train, release; stop it with Ctrl-C."""
    from januscl.compute.choose import executor_from
    from januscl.line.durable.engine import place_of
    from januscl.line.durable.worker import Worker
    from januscl.line.policy import Policy
    from januscl.line.settings import load_settings, open_workspace

    policy = Policy()
    with open_workspace(load_settings({"workspace": workspace})) as opened:
        _keep_cells(opened, cells)
        place = workflows or place_of(opened.catalogue.database.url, opened.folder)
        runner = executor_from(
            executor, jobs or opened.folder / "jobs", threads=policy.learning.threads
        )
        name = executor_id or socket.gethostname()
        Worker(opened, place, name, policy, runner, picks_a_day).run(_stop(), once)
    # A workflow that waits for tomorrow has a thread here; nothing of it is lost.
    os._exit(0)


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
