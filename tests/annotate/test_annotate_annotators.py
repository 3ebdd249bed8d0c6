import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image as Pillow

from januscl.annotate import CocoAnnotator, TruthAnnotator, make_task, read_coco, validate_label
from januscl.core import (
    Frame,
    Instances,
    InvalidInput,
    Kind,
    Label,
    NotFound,
    Observation,
    Taxonomy,
    encode_mask,
)
from januscl.core.contracts import check_annotator

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = Taxonomy((Kind(1, "box", "box"), Kind(2, "bag", "soft"), Kind(3, "old", retired=True)))


def mask(*rows, size=(8, 9)):
    inside = np.zeros(size, bool)
    inside[list(rows)] = True
    return encode_mask(inside)


def observation(id="o1", size=(8, 9)):
    frame = Frame(np.zeros((*size, 3), np.uint8), "c1", "r1", NOON)
    seen = Instances.of_masks([mask(1, size=size)], [1])
    return Observation(id, frame, replace(seen, scores=np.asarray([0.4], np.float32)), "m-1")


def truth():
    return Instances.of_masks([mask(1, 2), mask(5)], [1, 2])


def test_a_task_shows_the_frame_with_the_models_proposals():
    task = make_task(observation(), "n-7")
    assert (task.observation, task.novelty) == ("o1", "n-7")
    assert task.proposals.scores[0] == np.float32(0.4)
    assert task.image.shape == (8, 9, 3)
    assert make_task(observation(), "n-7").id == task.id
    assert make_task(observation(), "n-8").id != task.id
    assert make_task(observation("o2"), "n-7").id != task.id


def test_known_truth_answers_tasks_as_an_annotator_does():
    known = TruthAnnotator("simulator", {"o1": truth()}.get, now=lambda: NOON)
    tasks = [make_task(observation("o1")), make_task(observation("o2"))]
    check_annotator(known, tasks)
    (label,) = known.annotate(tasks)
    assert (label.observation, label.annotator, label.at) == ("o1", "simulator", NOON)
    assert label.truth.labels.tolist() == [1, 2]
    validate_label(label, (8, 9), KINDS)


def test_truth_of_another_size_is_no_answer():
    known = TruthAnnotator("simulator", lambda _: truth())
    with pytest.raises(
        InvalidInput, match="mask 0 of the label of o1 by simulator: expected size 4x9"
    ):
        known.annotate([make_task(observation(size=(4, 9)))])


def coco_set(folder):
    Pillow.new("RGB", (9, 8)).save(folder / "a.png")
    entry = {"id": 1, "image_id": 1, "category_id": 2, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}
    document = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [entry],
        "categories": [{"id": 2, "name": "bag"}],
    }
    (folder / "annotations.json").write_text(json.dumps(document))
    return read_coco(folder / "annotations.json", taxonomy=KINDS)


def test_a_coco_file_answers_only_the_tasks_it_is_asked(tmp_path):
    annotator = CocoAnnotator(coco_set(tmp_path), {"o1": "a.png"}, now=lambda: NOON)
    tasks = [make_task(observation("o2")), make_task(observation("o1"))]
    check_annotator(annotator, tasks)
    (label,) = annotator.annotate(tasks)
    assert (label.observation, label.annotator) == ("o1", "coco")
    assert KINDS.kind(int(label.truth.labels[0])).shape == "soft"
    assert label.truth.boxes.tolist() == [[1, 1, 5, 4]]
    with pytest.raises(NotFound, match=r"'b\.png' is not among the 1"):
        CocoAnnotator(coco_set(tmp_path), {"o1": "b.png"})


@pytest.mark.parametrize(
    ("masks", "labels", "says"),
    [
        ([mask(1), mask(1, size=(9, 8))], [1, 1], "mask 1 .*: expected size 8x9, found 9x8"),
        ([mask(1)], [7], r"class ids among \[1, 2, 3\], found \[7\]"),
        ([mask(1)], [3], r"kinds in use, found the retired \[3\]"),
        (
            [mask(1), mask()],
            [1, 1],
            "mask 1 .*: expected pixels that no later mask covers, found 0",
        ),
        ([mask(1), mask(0, 1, 2)], [1, 2], "mask 0 .*: expected pixels that no later mask covers"),
        ([mask(1), mask(4), mask(1)], [1, 2, 1], "mask 0 .*: expected pixels that no later"),
    ],
)
def test_a_label_that_would_teach_something_wrong_is_refused(masks, labels, says):
    label = Label("o1", Instances.of_masks(masks, labels), "ann", NOON)
    with pytest.raises(InvalidInput, match=says) as refused:
        validate_label(label, (8, 9), KINDS)
    assert "label of o1 by ann" in refused.value.thing


def test_a_label_may_overlap_at_an_edge_but_must_be_certain():
    edges = Instances.of_masks([mask(1, 2), mask(2, 3)], [1, 2])
    validate_label(Label("o1", edges, "ann", NOON), (8, 9), KINDS)
    unsure = replace(edges, scores=np.asarray([1, 0.6], np.float32))
    with pytest.raises(InvalidInput, match="expected scores of 1"):
        validate_label(Label("o1", unsure, "ann", NOON), (8, 9), KINDS)
