"""The README's lines run as they stand."""

import re
from pathlib import Path

from januscl.core import Outcome
from januscl.sim import BASE_MIX, make_labelled
from januscl.store import Workspace

README = Path(__file__).parents[1] / "README.md"


class Arm:
    """Picks what it is told to."""

    def pick(self, point):
        assert all(0 <= v <= 192 for v in point)
        return Outcome.PICKED


class Annotator:
    """Is not asked in so short a time."""

    name = "nobody"

    def annotate(self, tasks):
        return []


def test_the_lines_that_plug_a_robot_in_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    history = list(make_labelled(7, 9, BASE_MIX))
    piles = [frame.image for frame in make_labelled(3, 5, BASE_MIX)]
    given = {"camera": piles, "robot": Arm(), "annotator": Annotator(), "labelled_frames": history}
    written = [line for line in lines.splitlines() if line and not line.startswith("from ")]
    assert len(written) == 10, "as many as the README says, beside the imports"
    exec(lines, given)  # noqa: S102
    with Workspace.open(tmp_path / "my-site") as workspace:
        counts = workspace.catalogue.observations.counts()
        (part,) = workspace.catalogue.slices.list()
    assert counts["observations"] == 3
    assert counts["picked"] >= 1
    assert (part.name, len(part.items)) == ("history", 2)
