"""docs/operate.md and docs/scaling.md name only what there is."""

import re
from pathlib import Path

import pytest
import typer

from januscl.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("operate.md", "scaling.md")}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_command_and_option_exists(page):
    top = typer.main.get_command(app).commands
    found = re.findall(r"\bjanus ((?:[a-z]+ ?){1,2})([^\n`#|]*)", PAGES[page])
    assert found
    for words, rest in found:
        first, *others = words.split()
        if first not in top:
            pytest.fail(f"{page} names `janus {first}`, which there is not")
        command = top[first]
        if hasattr(command, "commands"):
            assert others, f"`janus {first}` wants a command"
            command = command.commands[others[0]]
        known = {flag for option in command.params for flag in option.opts + option.secondary_opts}
        flags = set(re.findall(r"(?<![\w-])--[a-z-]+", rest))
        assert flags <= known, f"{page}: janus {words}{rest}"


def test_every_setting_exists():
    settings = pytest.importorskip("januscl.line.settings", reason="needs the extra service")
    known = {f"{settings.PREFIX}{name.upper()}" for name in settings.Settings.model_fields}
    known.add("JANUS_DEVICE")  # read where torch is, by januscl.train.processor
    commands = typer.main.get_command(app).commands
    known |= {option.envvar for option in commands["worker"].params if option.envvar}
    assert set(re.findall(r"JANUS_[A-Z_]+", "".join(PAGES.values()))) <= known


def test_every_metric_is_served_and_every_one_that_is_served_is_told(tmp_path):
    metrics = pytest.importorskip("januscl.service.metrics", reason="needs the extra service")
    from prometheus_client.parser import text_string_to_metric_families

    from januscl.store import Catalogue

    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        text = metrics.Metrics(catalogue).text().decode()
    served = {
        found.name + ("_total" if found.type == "counter" else "")
        for found in text_string_to_metric_families(text)
        if not found.name.endswith("_created")  # when a counter began
    }
    told = set(re.findall(r"`(janus_[a-z_]+)`", PAGES["operate.md"])) - {"janus_workflows"}
    assert told == served


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_file_exists(page):
    text = PAGES[page]
    for path in re.findall(r"\b(?:deploy|docs|benchmarks)/[\w./-]*\w", text):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([\w./-]+\.md)", text):
        assert (ROOT / "docs" / target).exists(), target
