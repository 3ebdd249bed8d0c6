"""What the package shows to the outside, and what its rooms may know of each other."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = sorted(
    f"januscl.{path.parent.name}"
    for path in (ROOT / "src" / "januscl").glob("*/__init__.py")
    if path.parent.name != "line"
)
PUBLIC = [*ROOMS, "januscl.line", "januscl.line.report", "januscl.line.watch_report"]
SHOWN = [name for name in PUBLIC if hasattr(import_module(name), "__all__")]


@pytest.mark.parametrize("name", ["januscl", *PUBLIC])
def test_every_room_says_what_it_is(name):
    room = import_module(name)
    assert room.__doc__
    first = room.__doc__.splitlines()[0]
    assert first.endswith("."), first


def test_every_room_but_those_without_code_shows_its_names():
    without = {name for name in PUBLIC if name not in SHOWN}
    assert without <= {"januscl.cli", "januscl.edge", "januscl.service"}


@pytest.mark.parametrize("name", SHOWN)
def test_every_public_name_exists_once_and_says_what_it_is(name):
    room = import_module(name)
    assert len(set(room.__all__)) == len(room.__all__)
    for public in room.__all__:
        value = getattr(room, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert documented(value), f"{name}.{public} has no docstring"


def documented(value):
    """A dataclass without a docstring has one that `dataclass` made of its signature."""
    text = value.__doc__ or ""
    return bool(text.strip()) and not text.startswith(f"{value.__name__}(")


@pytest.mark.parametrize("name", SHOWN)
def test_every_public_method_says_what_it_does(name):
    room = import_module(name)
    for public in room.__all__:
        value = getattr(room, public)
        if not inspect.isclass(value) or not value.__module__.startswith("januscl"):
            continue
        for method, given in vars(value).items():
            plain = given.fget if isinstance(given, property) else getattr(given, "__func__", given)
            named = inspect.isfunction(plain) and plain.__name__ != "<lambda>"  # a field's default
            if named and not method.startswith("_"):
                assert plain.__doc__, f"{name}.{public}.{method} has no docstring"


@pytest.mark.parametrize("name", SHOWN)
def test_a_name_that_is_not_there_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match="no_such_name"):
        import_module(name).no_such_name  # noqa: B018


@pytest.mark.parametrize("name", ["januscl", "januscl.edge", "januscl.core"])
def test_what_runs_on_a_robot_is_imported_in_under_a_third_of_a_second(name):
    # numpy, which any robot has, is the clock: on a busy machine both take longer alike.
    program = (
        "import time, sys; a = time.process_time(); import numpy; b = time.process_time(); "
        f"import {name}; c = time.process_time(); print(b - a, c - a, *sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(5)
    ]
    assert not set(runs[0]) & {"torch", "torchvision", "cv2", "sklearn", "sqlalchemy", "mujoco"}
    numpy, ours = (min(float(run[column]) for run in runs) for column in (0, 1))
    assert ours < 0.3 * max(1.0, numpy / 0.1)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "januscl.picking"])
def test_no_room_loads_torch_or_mujoco_until_it_must(name):
    program = f"import {name}, sys; print(*sorted({{'torch', 'mujoco'}} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_the_rooms_import_only_what_the_design_allows():
    program = (
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout
