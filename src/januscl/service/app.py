"""The app: routes, limits, logs, metrics and the worker, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from januscl import __version__
from januscl.line.checking_in import Desk, signing_key
from januscl.line.logs import make_log
from januscl.line.settings import Settings, key_file
from januscl.service.apart import WorkerApart
from januscl.service.errors import Answer, handle_errors
from januscl.service.forms import PREFIX
from januscl.service.gate import House
from januscl.service.limits import Bodies, Rate
from januscl.service.lists import list_routes, work_routes
from januscl.service.logs import Account
from januscl.service.metrics import Metrics
from januscl.service.page import page_routes
from januscl.service.robots import robot_routes
from januscl.service.room import Room
from januscl.service.stream import stream_routes
from januscl.service.worker import Worker
from januscl.store import Workspace

_METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def create_app(
    workspace: Workspace,
    settings: Settings,
    log_file: TextIO | None = None,
    stopping: Callable[[], bool] = lambda: False,
    apart: bool = False,
) -> FastAPI:
    """Return the service over a workspace, for any server of ASGI.

    With `Settings.worker` the inbox is drained between the app's start and its shutdown.

    Args:
        workspace: Open; stays open when the app ends.
        settings: Limits and so on; its ``workspace`` is looked at only with ``apart``.
        log_file: Where log lines go; standard output when omitted.
        stopping: Says whether the server is about to stop, so that streams end by themselves.
        apart: Drain the inbox in a process of its own, not in threads of this one.

    Raises:
        InvalidInput: The signing key's file holds something else.
    """
    log = make_log(settings.log_level, log_file)
    metrics = Metrics(workspace.catalogue)
    worker: Worker | WorkerApart | None = None
    if settings.worker:
        worker = (
            WorkerApart(settings, log, metrics)
            if apart
            else Worker(workspace, settings, log, metrics)
        )
    rate = Rate(settings.requests_a_second, settings.burst)
    bodies = Bodies(settings.body_seconds, settings.pending_bytes)
    house = House(workspace, rate, bodies, metrics, log, worker)
    room = Room(workspace, settings.min_free_bytes)
    desk = Desk(workspace, signing_key(key_file(settings)))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if worker is not None:
            worker.start()
        yield
        if worker is not None:
            await run_in_threadpool(worker.stop)

    app = FastAPI(
        title="Janus",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    handle_errors(app)
    app.add_middleware(Account, log=log, metrics=metrics)
    robots = robot_routes(house, desk, room, settings.max_body_bytes, settings.max_records)
    people = (list_routes(house), work_routes(house, room), stream_routes(house, stopping))
    for router in (robots, *people, _health(room, metrics), page_routes(app)):
        app.include_router(router)
    return app


def _health(room: Room, metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health")
    def health() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @router.get("/ready", responses={503: {"description": "A part is not ready."}})
    def ready() -> Response:
        """Say whether the database, the inbox and the disk can take more in."""
        failings = room.failings()
        status = "not ready" if failings else "ok"
        answer = {"status": status, "failings": failings}
        return Answer(answer, status_code=503 if failings else 200)

    @router.get("/metrics")
    def show_metrics() -> Response:
        """Return counters for Prometheus."""
        return Response(metrics.text(), media_type=_METRICS_TYPE)

    return router
