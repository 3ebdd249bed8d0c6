"""DBOS over a database of its own: where workflows are kept, and how they go on after a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, create_engine

from januscl.core import MissingDependency, how_to_install
from januscl.line.durable.place import server_url, sqlite_engine
from januscl.line.durable.way import QUEUE, QUICK, Way

try:
    from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
except ModuleNotFoundError as error:
    raise MissingDependency(
        f"durable workflows need {error.name}; install it with: {how_to_install('service')}"
    ) from error

VERSION = "januscl-line-2"
"""Of the workflows. To be changed when their steps change, for then old ones cannot go on."""
_LIVE = ["PENDING", "ENQUEUED", "DELAYED"]


class Workflows:
    """The workflows of a line. One process at a time may have them.

    DBOS is one for each process, and so is this. As a context manager it starts and stops them.

    Args:
        place: A SQLite file, or ``postgresql://user@host/database``; never the catalogue's own.
        executor: What this process is called, after a restart as well.
        way: The workflow.
        jobs: Heavy jobs at once.
        pause: Seconds between two looks at the queue.
    """

    def __init__(
        self, place: Path | str, executor: str, way: Way, jobs: int = 1, pause: float = 1.0
    ) -> None:
        self._executor, self._way, self._jobs, self._pause = executor, way, jobs, pause
        self._begun = set[str]()
        self._config: DBOSConfig = {
            "name": "januscl-line",
            "application_version": VERSION,
            "executor_id": executor,
            # Plain JSON: nothing that a database holds is ever unpickled.
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
            "use_listen_notify": False,
        }
        self._engine: Engine | None = None
        if "://" in str(place):
            self._config["system_database_url"] = str(place)
        else:
            self._engine = engine_of(place)
            self._config["system_database_url"] = self._engine.url.render_as_string()
            self._config["system_database_engine"] = self._engine

    def __enter__(self) -> Self:
        DBOS(config=self._config)
        way = self._way

        def novelty(novelty: str) -> str:
            return way.run(novelty)

        def ticket(ticket: str) -> str:
            return way.run_ticket(ticket)

        def heavy(function: str, arguments: dict[str, Any], key: str) -> dict[str, Any]:
            return way.run_heavy(function, arguments, key)

        # A workflow may be killed any number of times.
        self._novelty = DBOS.workflow(name="novelty", max_recovery_attempts=None)(novelty)
        self._ticket = DBOS.workflow(name="ticket", max_recovery_attempts=None)(ticket)
        way.heavy = DBOS.workflow(name="heavy", max_recovery_attempts=None)(heavy)
        DBOS.launch()
        for queue, at_once in ((QUEUE, self._jobs), (QUICK, 1)):
            DBOS.register_queue(
                queue,
                worker_concurrency=at_once,
                polling_interval_sec=self._pause,
                on_conflict="always_update",
            )
        self._take_over()
        return self

    def __exit__(self, *error: object) -> None:
        DBOS.destroy(destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()

    def _take_over(self) -> None:
        """Go on with what another process had begun that has these workflows no more."""
        for found in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False):
            if found.executor_id != self._executor:
                DBOS.resume_workflow(found.workflow_id, queue_name=found.queue_name)

    def begin(self, novelty: str, campaign: str) -> bool:
        """Begin the workflow of a novelty's campaign, once; say whether it was begun now."""
        return self._start(f"novelty-{campaign}", self._novelty, novelty)

    def begin_ticket(self, ticket: str) -> bool:
        """Begin the workflow of a ticket, once; say whether it was begun now."""
        return self._start(f"ticket-{ticket}", self._ticket, ticket)

    def _start(self, id: str, workflow: Callable[[str], str], subject: str) -> bool:
        if id in self._begun:
            return False
        self._begun.add(id)
        if DBOS.list_workflows(workflow_ids=[id], load_input=False, load_output=False):
            return False
        with SetWorkflowID(id):
            DBOS.start_workflow(workflow, subject)
        return True

    def live(self) -> list[str]:
        """Return the ids of the workflows that have not ended, oldest first."""
        found = DBOS.list_workflows(status=_LIVE, load_input=False, load_output=False)
        return [workflow.workflow_id for workflow in found]

    def ended(self) -> dict[str, str]:
        """Return how each workflow that has ended did so: ``SUCCESS`` or what went wrong."""
        found = DBOS.list_workflows(load_input=False, load_output=False)
        return {w.workflow_id: w.status for w in found if w.status not in _LIVE}


def engine_of(place: Path | str) -> Engine:
    """Return an engine that keeps what it acknowledges; a database that is not there is made.

    Args:
        place: See `Workflows`.
    """
    if "://" in str(place):
        url = server_url(str(place))
        DBOS.migrate(str(place))
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    return sqlite_engine(Path(place))
