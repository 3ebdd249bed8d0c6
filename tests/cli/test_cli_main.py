"""Whatever goes wrong ends in one line and an exit code, not in a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from januscl import __version__
from januscl.cli.main import app

JANUS = Path(sys.executable).with_name("janus")
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None\n"


def janus(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def run(*arguments, cwd):
    return subprocess.run(
        [JANUS, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )


def python(program, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


def test_the_version_is_told_to_people_and_to_programs():
    assert janus("--version").stdout.strip() == __version__
    assert janus("version").stdout.strip() == __version__
    assert json.loads(janus("version", "--json").stdout) == {"version": __version__}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train",), "give either a COCO set or --factory"),
        (("train", ".", "--factory"), "give either a COCO set or --factory"),
        (("train", ".", "--strategy", "bogus"), "'naive', 'replay', 'replay+interpolate'"),
        (("models", "export", "m-1"), "--out"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_at_once_and_exits_with_2(arguments, says):
    result = janus(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())
    assert "[<" not in result.stderr


def test_an_error_of_the_system_is_one_line(tmp_path):
    """A folder in the place of a file is refused by the system to root as well."""
    (tmp_path / "day.yaml").mkdir()
    result = run("demo", "--day", "day.yaml", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.strip() == "error: day.yaml: Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["day.yaml"]


def test_an_error_of_janus_is_one_line_however_long(tmp_path):
    (tmp_path / "day.yaml").write_text("site: a\nticks: 3\n")
    result = run("demo", "--day", tmp_path / "day.yaml", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: {tmp_path / 'day.yaml'}: lines: expected a value, found none. Add it to the "
        "file.\n"
    )


def test_without_torch_the_error_says_what_to_install(tmp_path):
    (tmp_path / "m.safetensors").touch()
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')
    program = f"{WITHOUT_TORCH}from januscl.cli.main import main; main()"
    for command in (("evaluate", "m.safetensors", "a.json"), ("train", "a.json")):
        result = python(program, *command, cwd=tmp_path)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        assert "pip install 'januscl[train]'" in " ".join(result.stderr.split())


def test_a_part_of_janus_that_is_missing_is_a_bug_and_shows_where(tmp_path):
    program = (
        "import sys; sys.modules['januscl.annotate'] = None\n"
        "from januscl.cli.main import main; main()"
    )
    result = python(program, "evaluate", "factory", ".", cwd=tmp_path)
    assert "Traceback" in result.stderr
    assert "januscl.annotate" in result.stderr


@pytest.mark.parametrize(
    ("room", "name"), [("train", "fit"), ("train", "CompactModel"), ("line", "Line")]
)
def test_a_room_that_needs_torch_names_the_extra(room, name, tmp_path):
    program = (
        f"{WITHOUT_TORCH}from januscl.core import MissingDependency\n"
        f"import januscl.{room}\n"
        f"try: januscl.{room}.{name}\n"
        "except MissingDependency as error: print(error)"
    )
    result = python(program, cwd=tmp_path)
    assert "torch, which is not installed: pip install 'januscl[train]'" in result.stdout


def test_a_command_stopped_from_the_keyboard_says_that_what_was_stored_is_kept(tmp_path):
    os.mkfifo(tmp_path / "day.yaml")
    process = subprocess.Popen(
        [JANUS, "demo", "--day", "day.yaml"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with (tmp_path / "day.yaml").open("w"):  # opened by the command as well, which now waits
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.wait(timeout=30) == 130
    assert told.strip() == "stopped; what was stored is kept"
