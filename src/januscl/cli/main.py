"""The `janus` command: arguments in, stations called through `line`, results printed.

Exit codes: 0 done; 1 an error that its message explains; 2 wrong usage; 3 a gate, guardrail or
check said no; 4 it could not say (inconclusive).
"""

import sys

import typer
from rich.markup import escape

from januscl import __version__
from januscl.cli import decks, demo, evaluate, records, release, replay, train
from januscl.cli.output import console, errors
from januscl.core import JanusError

app = typer.Typer(
    name="janus",
    help="Continual learning for robots at work: notice, triage, collect, label, retrain, judge, "
    "release.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("replay")(replay.replay)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("status")(records.status)
app.command("events")(records.events)
app.command("tickets")(records.tickets)
app.command("novelties")(records.novelties)
app.add_typer(decks.app, name="deck", help="Show and compare training decks.")
app.add_typer(release.app, name="release", help="Show releases and their stages.")


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__)


def main() -> None:
    """Run the command; turn Janus's own errors into one readable line and exit code 1."""
    try:
        app()
    except JanusError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("stopped; what was stored is kept")
        sys.exit(130)
