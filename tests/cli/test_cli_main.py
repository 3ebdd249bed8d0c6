"""Whatever goes wrong ends in one line and an exit code, not in a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from januscl import __version__
from januscl.cli.main import app
from januscl.core import InvalidInput

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
        (("train", ".", "--strategy", "bogus"), "'naive', 'joint', 'replay'"),
        (("models", "export", "m-1"), "--out"),
        (("replay", ".", "--budget", "0"), "--budget"),
        (("replay", ".", "--budget", "nan"), "--budget"),
        (("replay", ".", "--input-px", "5000"), "--input-px"),
        (("replay", ".", "--order", "random"), "'random' is not one of auto, file, kind"),
        (("train", ".", "--steps", "0"), "--steps"),
        (("train", ".", "--seed", "-1"), "--seed"),
        (("demo", "--seed", str(10**30)), "--seed"),
        (("demo", "--threads", "0"), "--threads"),
        (("events", "--limit", str(10**30)), "--limit"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_at_once_and_exits_with_2(arguments, says):
    result = janus(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())
    assert "[<" not in result.stderr


def leaves(group, prefix=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*prefix, name))
        else:
            yield (*prefix, name), command


LEAVES = dict(leaves(typer.main.get_command(app)))


def test_the_commands_are_those_that_the_manual_promises():
    assert {name[0] for name in LEAVES} == {
        "demo", "replay", "train", "evaluate", "deck", "events", "tickets", "novelties", "release",
        "status", "rejects", "audit", "labels", "models", "version", "backup", "restore", "fsck",
        "serve", "token", "config", "worker", "remember", "notify", "begin", "kinds",
        "adapt", "pretrain", "verdict", "watch",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(LEAVES.keys() - {("serve",), ("worker",)}), ids=" ".join)
def test_every_command_takes_json(name):
    """But `serve` and `worker`, which end with no answer."""
    assert any("--json" in option.opts for option in LEAVES[name].params)


def test_a_replay_takes_a_quarter_of_an_hour_unless_told_otherwise():
    (budget,) = (o for o in LEAVES[("replay",)].params if o.name == "budget")
    assert budget.default == 15


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ("[{robot: r, camera: c, line: a}]", "found 0 and 1"),
        ("[{robot: r, camera: c, line: a, station: true}]", "found 1 and 0"),
    ],
)
def test_a_day_on_which_nothing_could_be_released_is_refused_before_it_is_simulated(
    tmp_path, cells, found
):
    day = tmp_path / "day.yaml"
    day.write_text(
        "site: s\nstart: 2026-05-04T06:00:00Z\nticks: 3\nseconds_per_tick: 60\nlines: [a]\n"
        f"mix: {{box: 1}}\ncells: {cells}\n"
    )
    error = janus("demo", "--day", day, "--out", tmp_path / "out").exception
    assert isinstance(error, InvalidInput)
    assert found in str(error)
    assert "station: true" in str(error)
    assert not (tmp_path / "out").exists()


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


def test_without_jinja_a_run_that_ends_in_a_page_is_refused_at_its_beginning(tmp_path):
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')
    program = "import sys; sys.modules['jinja2'] = None\nfrom januscl.cli.main import main; main()"
    for command in (("replay", "a.json"), ("demo",)):
        result = python(program, *command, cwd=tmp_path)
        assert result.returncode == 1
        assert "pip install 'januscl[report]'" in " ".join(result.stderr.split())
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


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
        # Where the tests run in the background, Ctrl-C is ignored by them and what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    with (tmp_path / "day.yaml").open("w"):  # opened by the command as well, which now waits
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.wait(timeout=30) == 130
    assert told.strip() == "stopped; what was stored is kept"
