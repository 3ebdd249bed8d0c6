"""``janus notify``: tells other systems what happened, by webhooks and e-mail."""

import logging
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from januscl.cli.options import JsonOption
from januscl.cli.output import print_rows
from januscl.cli.sending import sender_of
from januscl.cli.service import FolderOption
from januscl.cli.worker import LinesOption, WorkflowsOption
from januscl.core import InvalidInput, NotFound

if TYPE_CHECKING:
    from januscl.line.settings import Settings
    from januscl.line.telling.notify import Target

app = typer.Typer(no_args_is_help=True)

_SAID_NO = 3


@app.command("test")
def greet(
    target: Annotated[
        str | None, typer.Argument(help="Its name in the settings; all if omitted.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Send a test notice to every target, once, and say how each answered."""
    from januscl.line.settings import load_settings

    targets = _targets(load_settings(), target)
    with ThreadPoolExecutor(len(targets)) as threads:
        rows = list(threads.map(_greeted, targets))
    print_rows("Targets", rows, json, "")
    if not all(row["taken"] for row in rows):
        raise typer.Exit(_SAID_NO)


@app.command("run")
def run(
    workspace: FolderOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="End as soon as there is nothing to do but to wait.")
    ] = False,
    workflows: WorkflowsOption = None,
    json: LinesOption = False,
) -> None:
    """Send notices of what happens to every target; stop it with Ctrl-C."""
    from januscl.line.settings import load_settings, open_workspace

    settings = load_settings({"workspace": workspace, "workflows": workflows})
    targets = _targets(settings, None)
    _log_to(settings.log_level, as_json=json or not sys.stdout.isatty())
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with open_workspace(settings) as opened, sender_of(settings, opened, targets) as sender:
        sender.run(stop, once)


def _targets(settings: "Settings", name: str | None) -> "list[Target]":
    found = [one for one in settings.targets if name in (None, one.name)]
    if not found:
        known = ", ".join(one.name for one in settings.targets) or "none at all"
        what = "there is no target" if name is None else f"there is no target {name}"
        raise NotFound(f"{what}; the settings have {known}. docs/notify.md shows how to add one")
    for one in found:
        try:
            one.check()
        except ValueError as error:
            fix = "docs/notify.md shows how to give it."
            raise InvalidInput(f"target {one.name}", "its secret", str(error), fix) from None
    return found


def _greeted(target: "Target") -> dict[str, Any]:
    from januscl.line.telling.notify import hello, send

    begun = time.monotonic()
    reply = send(target, [hello(target.name)])
    seconds = round(time.monotonic() - begun, 2)
    return {
        "target": target.name, "place": target.place, "taken": reply.taken,
        "answer": reply.text, "seconds": seconds,
    }  # fmt: skip


def _log_to(level: str, as_json: bool) -> None:
    """Log what is sent from a level on, and of libraries only what is wrong."""
    from januscl.line.logs import Forward, make_log

    handler: logging.Handler = Forward(make_log(level)) if as_json else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("januscl").setLevel(level.upper())
