"""The `janus` command: arguments in, stations called through `line`, results printed.

Exit codes: 0 done; 1 an error that its message explains; 2 wrong usage; 3 a gate, guardrail or
check said no; 4 it could not say (inconclusive).
"""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from januscl import __version__
from januscl.cli import (
    adapt,
    begin,
    decks,
    demo,
    evaluate,
    keeping,
    kinds,
    notify,
    pretrain,
    records,
    release,
    remember,
    replay,
    service,
    train,
    verdict,
    versions,
    watch,
    worker,
)
from januscl.cli.output import console, errors, print_json
from januscl.core import JanusError, how_to_install

app = typer.Typer(
    name="janus",
    help="Continual learning for robots at work: notice, triage, collect, label, retrain, judge, "
    "release.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("demo")(demo.demo)
app.command("replay")(replay.replay)
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("adapt")(adapt.adapt)
app.command("evaluate")(evaluate.evaluate)
app.command("verdict")(verdict.verdict)
app.command("status")(records.status)
app.command("events")(records.events)
app.command("tickets")(records.tickets)
app.command("novelties")(records.novelties)
app.command("rejects")(records.rejects)
app.command("audit")(records.audit)
app.command("labels")(records.labels)
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("fsck")(keeping.fsck)
app.command("begin")(begin.begin)
app.command("remember")(remember.remember)
app.command("serve")(service.serve)
app.command("config")(service.config)
app.command("worker")(worker.worker)
app.add_typer(service.tokens, name="token", help="Make, list and revoke tokens of the service.")
app.add_typer(kinds.app, name="kinds", help="List the kinds of package, and name a new one.")
app.add_typer(notify.app, name="notify", help="Tell other systems what happened, and test them.")
app.add_typer(watch.app, name="watch", help="Show what watching found.")
app.add_typer(decks.app, name="deck", help="Show and compare training decks.")
app.add_typer(release.app, name="release", help="Show releases and their stages.")
app.add_typer(versions.app, name="models", help="List model versions and take one out.")

_STOPPED = 130
"""What a shell calls a program that was stopped from the keyboard, and so does typer."""


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def version(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the version."""
    if json:
        print_json({"version": __version__})
    else:
        console.print(__version__, highlight=False)


def main() -> None:
    """Run the command; turn errors that are not our own bugs into one readable line."""
    try:
        app()
    except SystemExit as ended:
        if ended.code == _STOPPED:
            errors.print("stopped; what was stored is kept")
        raise
    except (JanusError, OSError, ModuleNotFoundError) as error:
        text = _said(error)
        if text is None:
            raise
        # One line for a program that reads it; on a terminal, broken between words.
        line = f"[bold red]error:[/] {escape(text)}"
        errors.print(line, highlight=False, soft_wrap=not errors.is_terminal)
        sys.exit(1)


def _said(error: Exception) -> str | None:
    """Return an error's text for a person; None where a part of Janus itself is missing."""
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, JanusError):
        room = str(error.name).partition(".")[0]
        needs = f"this needs {room}, which is not installed: {how_to_install('all')}"
        return None if room == "januscl" else needs
    if isinstance(error, OSError) and not isinstance(error, JanusError):
        what = error.strerror or str(error) or type(error).__name__
        return f"{error.filename}: {what}" if error.filename is not None else what
    return str(error)
