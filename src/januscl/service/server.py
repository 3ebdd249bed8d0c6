"""The server: the app under uvicorn, until it is asked to stop."""

import logging

import uvicorn

from januscl.line.logs import Forward, make_log
from januscl.line.settings import Settings, open_workspace
from januscl.service.app import create_app
from januscl.service.memory import share_arenas

_GRACE = 10
"""Seconds that requests under way have to end."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests and the transaction under way end first.

    Raises:
        Conflict: The workspace's folder holds something else.
        OSError: The address cannot be listened on.
    """
    share_arenas()
    logging.basicConfig(
        level=logging.WARNING, handlers=[Forward(make_log(settings.log_level))], force=True
    )
    with open_workspace(settings) as workspace:
        servers = list[uvicorn.Server]()
        app = create_app(
            workspace,
            settings,
            stopping=lambda: any(server.should_exit for server in servers),
            apart=True,
        )
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, log_config=None, access_log=False,
            server_header=False, timeout_graceful_shutdown=_GRACE,
        )  # fmt: skip
        servers.append(uvicorn.Server(config))
        servers[0].run()
