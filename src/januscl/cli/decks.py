"""``janus deck``: what is in a training deck, and how two decks differ."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from januscl.cli.options import DEFAULT_WORKSPACE, JsonOption, WorkspaceOption, existing
from januscl.cli.output import console, one_of, print_facts, print_json, print_rows
from januscl.core.wire import instances_from_json
from januscl.decks import DeckDiff, describe, diff
from januscl.store import Workspace

app = typer.Typer(no_args_is_help=True)
_ID = "Id of the deck, or the start of it."
DeckArgument = Annotated[str, typer.Argument(metavar="DECK", help=_ID)]


@app.command("list")
def list_decks(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List all decks, oldest first."""
    with existing(workspace) as opened:
        found = opened.catalogue.decks.list()
    rows = [
        {
            "id": deck.id,
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
        found = one_of(opened.catalogue.decks.list(), deck, "deck")
        labels = {
            item.id: instances_from_json(opened.get_json(item.label)).labels.tolist()
            for item in found.items
        }
        names = _novelty_names(opened)
    summary = describe(found, labels)
    if json:
        sources = [
            {"id": source, "name": names.get(source, source), "frames": number}
            for source, number in summary.sources.items()
        ]
        told = {**asdict(summary), "sources": sources}
        print_json({"id": found.id, "recipe": found.recipe, "summary": told})
        return
    print_facts(
        {"deck": found.id, "parent": found.parent, "seed": found.seed, "frames": summary.frames}
    )
    sources = [{"from": names.get(k, k), "frames": n} for k, n in summary.sources.items()]
    print_rows("Sources", sources, False, "No frames.")
    kinds = [
        {"kind": kind, "frames": summary.frames_of[kind], "instances": number}
        for kind, number in summary.instances_of.items()
    ]
    print_rows("Kinds", kinds, False, "No instances: all frames are empty.")
    recipe = [
        {"operation": _plain(name), "setting": _setting(name, value)}
        for name, value in found.recipe.items()
    ]
    print_rows("Augmentation", recipe, False, "No augmentation.")


@app.command("diff")
def diff_decks(
    a: Annotated[str, typer.Argument(metavar="A", help=_ID)],
    b: Annotated[str, typer.Argument(metavar="B", help=_ID)],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    json: JsonOption = False,
) -> None:
    """Show what deck B has that deck A has not, and the other way round."""
    with existing(workspace) as opened:
        decks = opened.catalogue.decks.list()
        older, newer = one_of(decks, a, "deck"), one_of(decks, b, "deck")
        names = _novelty_names(opened)
    difference = diff(older, newer)
    if json:
        named = {item.source for deck in (older, newer) for item in deck.items}
        sources = [{"id": id, "name": names.get(id, id)} for id in sorted(named)]
        print_json({**asdict(difference), "sources": sources})
    elif difference.same:
        console.print("The two decks are the same.")
    else:
        print_facts({"A": older.id, "B": newer.id})
        _print_difference(difference, names)


def _print_difference(difference: DeckDiff, names: Mapping[str, str]) -> None:
    """Print what differs, as two tables: frames by where they came from, and settings."""
    groups = {
        "only in B": difference.added,
        "only in A": difference.removed,
        "in both, changed": [new for _, new in difference.changed],
    }
    frames = [
        {"frames": number, "are": where, "from": names.get(source, source)}
        for where, items in groups.items()
        for source, number in sorted(Counter(item.source for item in items).items())
    ]
    print_rows("Frames", frames, False, "Both hold the same frames.")
    rows: list[dict[str, Any]] = [
        {"what": _plain(name), "A": _setting(name, old), "B": _setting(name, new)}
        for name, (old, new) in difference.recipe.items()
    ]
    for what, pair in (("seed", difference.seed), ("parent", difference.parent)):
        if pair is not None:
            rows.append({"what": what, "A": pair[0], "B": pair[1]})
    rows += [{"what": "kind", "A": kind.name, "B": None} for kind in difference.kinds_removed]
    rows += [{"what": "kind", "A": None, "B": kind.name} for kind in difference.kinds_added]
    print_rows("Settings", rows, False, "Both have the same settings.")


def _novelty_names(workspace: Workspace) -> dict[str, str]:
    """Return the name of each novelty by its id, which is what a deck's items have as source."""
    return {novelty.id: novelty.name for novelty in workspace.catalogue.novelties.list()}


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _setting(name: str, value: Any) -> str | None:
    """Say what a recipe does with an operation; None where it does not name it."""
    if isinstance(value, Mapping):
        if not value["probability"]:
            return "never"
        return f"{value['probability']:.0%} of frames, {value['low']:g} to {value['high']:g}"
    if value is None or name == "min_pixels":
        return None if value is None else f"{value:g}"
    return f"{value:.0%} of frames" if value else "never"
