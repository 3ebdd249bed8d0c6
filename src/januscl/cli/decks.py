"""``janus deck``: what is in a training deck, and how two decks differ."""

from collections.abc import Sequence
from typing import Annotated

import typer

from januscl.cli.options import DEFAULT_WORKSPACE, JsonOption, WorkspaceOption, existing
from januscl.cli.output import console, print_json, print_rows
from januscl.core import Deck, NotFound
from januscl.core.wire import instances_from_json
from januscl.decks import describe, diff

app = typer.Typer(no_args_is_help=True)
DeckArgument = Annotated[str, typer.Argument(help="Id of the deck, or the start of it.")]


@app.command("list")
def list_decks(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List all decks, oldest first."""
    with existing(workspace) as opened:
        found = opened.catalogue.decks.list()
    rows = [
        {
            "id": deck.id[:12],
            "frames": len(deck.items),
            "replayed": sum(item.source == "replay" for item in deck.items),
            "parent": deck.parent,
            "seed": deck.seed,
        }
        for deck in found
    ]
    print_rows("Decks", rows, json, "No decks: nothing has been learned yet.")


@app.command()
def show(
    deck: DeckArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False
) -> None:
    """Show a deck: sources, kinds, recipe, seed, parent."""
    with existing(workspace) as opened:
        found = one_deck(opened.catalogue.decks.list(), deck)
        labels = {
            item.id: instances_from_json(opened.get_json(item.label)).labels.tolist()
            for item in found.items
        }
    summary = describe(found, labels)
    if json:
        print_json({"id": found.id, "recipe": found.recipe, "summary": summary})
        return
    console.print(summary)
    console.print({"id": found.id, "recipe": dict(found.recipe)})


@app.command("diff")
def diff_decks(
    a: DeckArgument,
    b: DeckArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    json: JsonOption = False,
) -> None:
    """Show what deck B has that deck A has not, and the other way round."""
    with existing(workspace) as opened:
        decks = opened.catalogue.decks.list()
        difference = diff(one_deck(decks, a), one_deck(decks, b))
    if json:
        print_json(difference)
    else:
        console.print(difference)


def one_deck(decks: Sequence[Deck], start: str) -> Deck:
    """Return the one deck whose id begins with ``start``, or raise `NotFound`."""
    found = [deck for deck in decks if deck.id.startswith(start)]
    if len(found) != 1:
        raise NotFound(
            f"{len(found)} decks begin with {start!r}; `janus deck list` shows their ids"
        )
    return found[0]
