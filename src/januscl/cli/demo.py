"""``janus demo``: the whole loop on a simulated fleet, in one command."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from januscl.cli.options import AccountOption, SeedOption, ThreadsOption, check_report
from januscl.cli.output import progress_bars
from januscl.core import InvalidInput

if TYPE_CHECKING:
    from januscl.sim import Day


def demo(
    out: Annotated[
        Path,
        typer.Option(help="Folder for the workspace and report.html; an old demo is replaced."),
    ] = Path("janus-demo"),
    seed: SeedOption = 0,
    day: Annotated[
        Path | None, typer.Option(help="A day's script in YAML; the built-in day when omitted.")
    ] = None,
    threads: ThreadsOption = 2,
    json: AccountOption = False,
) -> None:
    """Run a simulated fleet through one compressed day and write report.html.

    Cameras fail, black bags and holiday boxes arrive. What happens then is decided by Janus, not
    by the script: tickets, novelties, labels, training, gate, release. Takes about six minutes.
    """
    from januscl.sim import demo_day, read_day

    began = time.monotonic()
    script = demo_day() if day is None else read_day(day)
    _check_day(script, day)
    check_report()

    from januscl.cli.demo_account import account_of
    from januscl.cli.demonstration import Demonstration
    from januscl.cli.ended import tell_end
    from januscl.cli.folders import fresh_folder
    from januscl.train import limited_threads

    fresh_folder(out)
    with limited_threads(threads), progress_bars(json) as bars:
        bar = bars.add_task("preparing", total=script.ticks)

        def show(tick: int, text: str) -> None:
            bars.update(bar, completed=tick, description=text)

        shown = Demonstration(out, script, seed, threads, show)
        shown.run()
        tell_end(shown.workspace, "janus demo", shown.site.now)
        account = account_of(shown, time.monotonic() - began)
    account.tell(json)


def _check_day(script: "Day", file: Path | None) -> None:
    """Refuse a day on which no model could be released, before hours of it were simulated."""
    stations = sum(cell.station for cell in script.cells)
    if stations != 1 or len(script.cells) < 2:
        raise InvalidInput(
            f"{file or 'day'}: cells",
            "one test station (`station: true`) and at least one robot at work",
            f"{stations} and {len(script.cells) - stations}",
            "Releases begin at the station; add what is missing.",
        )
