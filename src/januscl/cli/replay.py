"""``janus replay``: real photographs, streamed as if a robot took them."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from januscl.cli.options import (
    SHIPPED,
    AccountOption,
    BaseOption,
    InputOption,
    SeedOption,
    ThreadsOption,
    check_model_file,
    check_report,
    chosen,
)
from januscl.cli.output import progress_bars


class Order(StrEnum):
    """In which order the photographs arrive."""

    AUTO = "auto"
    FILE = "file"
    KIND = "kind"


def replay(  # noqa: PLR0913 - a command has as many options as it has
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A COCO file, or a folder that holds one.")
    ],
    base: BaseOption = "factory",
    labels: Annotated[
        Path | None, typer.Option(help="The COCO file, where DATA is a folder of pictures alone.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for the workspace and report.html; an old one is replaced.")
    ] = Path("janus-replay"),
    order: Annotated[
        Order,
        typer.Option(
            parser=chosen(Order),
            metavar="ORDER",
            help="`file`; `kind`: class by class; or `auto`, which chooses that where it can.",
        ),
    ] = Order.AUTO,
    budget: Annotated[
        float, typer.Option(min=1, metavar="MINUTES", help="For all of it; it ends in time.")
    ] = 15.0,
    input_px: InputOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    json: AccountOption = False,
) -> None:
    """Stream labelled photographs through the loop and write report.html.

    The first part, with its labels, becomes history. The rest arrives in order; labels are taken
    only for the frames that Janus asks for. A part is held back and judges the result.
    """
    from januscl.annotate import find_coco

    find_coco(labels or data)
    check_model_file(base)
    check_report()

    from januscl.cli.folders import fresh_folder
    from januscl.cli.models import model_named
    from januscl.cli.photographs import read_photographs
    from januscl.cli.replay_account import account_of
    from januscl.cli.replaying import Budget, Replay
    from januscl.train import limited_threads

    began = time.monotonic()
    with limited_threads(threads), progress_bars(json) as bars:
        bar = bars.add_task("reading photographs", total=None)

        def show(done: int, total: int, text: str) -> None:
            bars.update(bar, completed=done, total=total, description=text)

        model = model_named(base)
        side = input_px or (None if base in SHIPPED else model.input_px)
        model.network.check_side(side or model.input_px, "--input-px")  # before any is read
        photographs = read_photographs(data, labels, model.taxonomy, order, show)
        fresh_folder(out)
        shown = Replay(
            out, photographs, model, Budget(began, budget * 60, threads), side, seed, show
        )
        shown.run()
        account = account_of(shown, time.monotonic() - began)
    account.tell(json)
