"""A command or option that docs/cli.md does not name fails here."""

from pathlib import Path

import pytest
import typer

from januscl.cli.main import app

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def commands(group, prefix=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*prefix, name))
        else:
            yield " ".join((*prefix, name)), command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_is_documented_with_its_options(name):
    assert f"janus {name}" in DOCS
    for option in ALL[name].params:
        for flag in option.opts:
            if flag.startswith("--"):
                assert f"`{flag}" in DOCS, f"{flag} of janus {name} is not in docs/cli.md"
