"""What a label that comes as JSON is told where it is none."""

import pytest
from line_scenes import BASE, START, as_seen, draw

from januscl.annotate import make_task
from januscl.core import Frame, InvalidInput, ModelVersion, Observation, new_id
from januscl.line.answering import take_label
from januscl.store import Workspace


@pytest.fixture
def asked(tmp_path):
    """A workspace with a task, and a call that answers it."""
    with Workspace.open(tmp_path / "w") as workspace:
        catalogue = workspace.catalogue
        weights = workspace.blobs.put(b"weights")
        catalogue.models.put(ModelVersion("m-1", weights, BASE, None, None, START))
        catalogue.aliases.set("champion", "m-1")
        pile = draw(1)
        frame = Frame(pile.image, "camera-a", "robot-a", START)
        seen = Observation(new_id(START), frame, as_seen(pile.truth, 1), "m-1")
        workspace.keep(seen)
        task = make_task(seen, None)
        catalogue.label_tasks.add(task, workspace.put_image(task.image))
        yield lambda value: take_label(workspace, seen.id, value, "ann", START)


def test_what_is_no_label_is_told_how_one_looks(asked):
    with pytest.raises(InvalidInput) as refused:
        asked({"id": 1})
    told = str(refused.value)
    assert '{"instances": [{"category_id": id, "segmentation": polygons}, ...]}' in told
    assert "found {'id': 1}. List every package in the frame; an empty list" in told


def test_an_entry_without_a_kind_is_told_that_its_id_is_none(asked):
    with pytest.raises(InvalidInput) as refused:
        asked({"instances": [{"id": 1}]})
    told = str(refused.value)
    assert told.startswith("instances[0]: expected a whole category_id, or the kind's name")
    assert "`id` alone is no kind" in told
