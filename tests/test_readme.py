"""The README's ten lines run as they stand."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from januscl.core import Outcome, Pick
from januscl.sim import BASE_MIX, make_labelled
from januscl.store import Workspace

README = Path(__file__).parents[1] / "README.md"


class Camera:
    """Shows three piles, then is switched off."""

    def __init__(self):
        self.piles = make_labelled(3, 5, BASE_MIX)

    def read(self):
        return next(self.piles).image


class Arm:
    """Picks what it is told to."""

    def pick(self, choice):
        row, point = choice or (None, None)
        outcome = Outcome.INFEASIBLE if choice is None else Outcome.PICKED
        return Pick(row, point, outcome, datetime.now(UTC))


def test_the_lines_that_plug_a_robot_in_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    with pytest.raises(StopIteration):
        exec(lines, {"camera": Camera(), "robot": Arm(), "np": np})  # noqa: S102
    with Workspace.open(tmp_path / "my-site") as workspace:
        counts = workspace.catalogue.observations.counts()
    assert counts["observations"] == 3
    assert counts["picked"] >= 1
