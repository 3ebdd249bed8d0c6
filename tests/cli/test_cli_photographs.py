import json
from collections import Counter

import numpy as np
import pytest
from cli_scenes import KINDS, draw

from januscl.annotate import write_coco
from januscl.cli.photographs import read_photographs
from januscl.core import InvalidInput, NotFound, Taxonomy

THREE = KINDS.with_kind("bag", "soft")


def read(data, order="auto", labels=None, known=None):
    told = []
    photographs = read_photographs(
        data, labels, known or Taxonomy(), order, lambda *step: told.append(step)
    )
    return photographs, told


def write(folder, frames, kinds=KINDS, name="annotations.coco.json"):
    write_coco(folder / name, frames, kinds)
    return folder


def copies(number, of):
    """Name ``number`` photographs, each with ``of`` copies, as Roboflow does."""
    return [f"photo-{k:03d}.rf.{c:08x}" for k in range(number) for c in range(of)]


def group(frame):
    return frame.id.split(".rf.")[0]


@pytest.mark.parametrize("scattered", [False, True])
def test_copies_of_one_photograph_are_never_in_two_parts(tmp_path, scattered):
    names = copies(20, 3)
    if scattered:
        names = [names[(7 * k) % 60] for k in range(60)]
    photographs, _ = read(write(tmp_path, [draw(name) for name in names]), "file")
    held = {group(frame) for frame in photographs.held_back}
    stream = {group(frame) for frame in photographs.stream}
    history = {group(frame) for frame in photographs.history}
    assert not held & (stream | history)
    assert not stream & history
    sizes = [len(photographs.history), len(photographs.stream), len(photographs.held_back)]
    assert sizes[1] == len(stream) == 12, "of copies the fleet sees one"
    assert sum(sizes) == 60 - 2 * len(stream), "and nothing else is left out"
    assert sizes[0] == 12, "a quarter of what is not held back"
    assert sizes[2] == 12, "every fifth photograph"


def test_photographs_of_one_kind_each_arrive_class_by_class(tmp_path):
    kinds = [3, 1, 2] * 15
    frames = [draw(f"p{k:02d}", (kind,)) for k, kind in enumerate(kinds)]
    photographs, _ = read(write(tmp_path, frames, THREE))
    assert photographs.by_kind
    order = [int(f.truth.labels[0]) for f in (*photographs.history, *photographs.stream)]
    assert order == sorted(order)
    first = {int(f.truth.labels[0]) for f in photographs.history}
    later = {int(f.truth.labels[0]) for f in photographs.stream}
    assert not first & later, "each later class arrives as something new"
    assert {int(f.truth.labels[0]) for f in photographs.held_back} == {1, 2, 3}


def test_photographs_of_mixed_kinds_keep_the_order_of_the_file(tmp_path):
    names = [f"p{(7 * k) % 30:02d}" for k in range(30)]
    photographs, _ = read(write(tmp_path, [draw(name) for name in names]))
    assert not photographs.by_kind
    held = {frame.id for frame in photographs.held_back}
    arrived = [frame.id for frame in (*photographs.history, *photographs.stream)]
    assert arrived == [name for name in names if name not in held]
    assert len(photographs.history) == 12


def test_class_by_class_can_be_asked_for_and_turned_off(tmp_path):
    mixed = write(tmp_path / "mixed", [draw(f"p{k:02d}", (1 + k % 2, 2)) for k in range(40)])
    assert read(mixed, "kind")[0].by_kind
    single = write(tmp_path / "single", [draw(f"p{k:02d}", (1 + k % 2,)) for k in range(40)])
    assert read(single, "auto")[0].by_kind
    assert not read(single, "file")[0].by_kind


def test_a_sets_own_valid_split_is_held_back(tmp_path):
    write(tmp_path / "train", [draw(f"t{k:02d}") for k in range(30)], name="_annotations.coco.json")
    write(tmp_path / "valid", [draw(f"v{k:02d}") for k in range(6)], name="_annotations.coco.json")
    photographs, _ = read(tmp_path)
    assert {f.id.removeprefix("valid/") for f in photographs.held_back} == {
        f"v{k:02d}" for k in range(6)
    }
    assert len(photographs.history) + len(photographs.stream) == 30


def test_a_copy_of_a_held_back_photograph_is_left_out_of_the_training_split(tmp_path):
    names = [f"t{k:02d}" for k in range(28)]
    training = [*names, "v00.rf.aaaa"]
    write(tmp_path / "train", [draw(name) for name in training], name="_annotations.coco.json")
    write(tmp_path / "valid", [draw(f"v{k:02d}.rf.bbbb") for k in range(6)],
          name="_annotations.coco.json")  # fmt: skip
    photographs, _ = read(tmp_path)
    seen = {f.id.split("/")[-1] for f in (*photographs.history, *photographs.stream)}
    assert seen == set(names)


@pytest.mark.parametrize("count", [0, 23])
def test_too_few_pictures_are_refused_with_their_number(tmp_path, count):
    data = write(tmp_path, [draw(f"p{k:02d}") for k in range(count)])
    with pytest.raises(InvalidInput, match=f"at least 24 labelled pictures, found {count}"):
        read(data)


def test_many_copies_of_a_few_photographs_are_too_few(tmp_path):
    data = write(tmp_path, [draw(name) for name in copies(3, 10)])
    with pytest.raises(InvalidInput, match="photographs"):
        read(data)


def test_a_set_that_is_nearly_all_valid_split_leaves_too_little_to_arrive(tmp_path):
    write(tmp_path / "train", [draw(f"t{k:02d}") for k in range(8)], name="_annotations.coco.json")
    write(tmp_path / "valid", [draw(f"v{k:02d}") for k in range(30)], name="_annotations.coco.json")
    with pytest.raises(InvalidInput, match="photographs"):
        read(tmp_path)


def test_what_cannot_be_read_is_rejected_with_its_reason_and_the_rest_is_used(tmp_path):
    data = write(tmp_path, [draw(f"p{k:02d}") for k in range(30)])
    (tmp_path / "images" / "p03.png").write_bytes(b"no picture")
    (tmp_path / "images" / "p04.png").unlink()
    path = tmp_path / "annotations.coco.json"
    document = json.loads(path.read_text())
    wrong = next(a for a in document["annotations"] if a["image_id"] == 1)
    wrong["segmentation"]["size"] = [10, 10]
    path.write_text(json.dumps(document))
    photographs, _ = read(data)
    used = {f.id for f in (*photographs.history, *photographs.stream, *photographs.held_back)}
    assert used == {f"p{k:02d}" for k in range(30)} - {"p03", "p04"}
    text = " ".join(f"{reject.thing} {reject.reason}" for reject in photographs.rejects)
    assert all(word in text for word in ("p03", "p04", "10"))


def test_pictures_without_any_label_are_no_photographs(tmp_path):
    frames = [draw(f"p{k:02d}") for k in range(30)] + [draw(f"e{k}", ()) for k in range(5)]
    photographs, _ = read(write(tmp_path, frames))
    parts = (photographs.history, photographs.stream, photographs.held_back)
    assert sum(map(len, parts)) == 30


def test_the_kinds_of_the_model_keep_their_ids_and_new_ones_come_after(tmp_path):
    known = Taxonomy().with_kind("tube", "cylinder").with_kind("disc", "cylinder")
    photographs, _ = read(write(tmp_path, [draw(f"p{k:02d}") for k in range(30)]), known=known)
    assert [(kind.id, kind.name) for kind in photographs.taxonomy] == [
        (1, "tube"),
        (2, "disc"),
        (3, "box"),
    ]
    labels = Counter(int(v) for f in photographs.history for v in f.truth.labels)
    assert labels.keys() == {2, 3}


def test_large_photographs_are_reduced_with_their_masks(tmp_path):
    frames = [draw(f"p{k:02d}", size=64) for k in range(29)] + [draw("p99", size=960)]
    photographs, told = read(write(tmp_path, frames))
    parts = (*photographs.history, *photographs.stream, *photographs.held_back)
    large = next(frame for frame in parts if frame.id == "p99")
    assert large.image.shape == (640, 640, 3)
    assert {(m.height, m.width) for m in large.truth.masks} == {(640, 640)}
    assert {frame.image.shape for frame in parts if frame is not large} == {(64, 64, 3)}
    assert np.array_equal([step[0] for step in told], range(1, 31)), "progress counts each picture"


def test_a_folder_of_pictures_alone_takes_its_labels_from_a_file_elsewhere(tmp_path):
    write(tmp_path / "set", [draw(f"p{k:02d}") for k in range(30)])
    (tmp_path / "set" / "annotations.coco.json").rename(tmp_path / "labels.json")
    document = json.loads((tmp_path / "labels.json").read_text())
    for image in document["images"]:
        image["file_name"] = image["file_name"].removeprefix("images/")
    (tmp_path / "labels.json").write_text(json.dumps(document))
    photographs, _ = read(tmp_path / "set" / "images", labels=tmp_path / "labels.json")
    assert len(photographs.history) == 12
    with pytest.raises(NotFound, match="nowhere"):
        read(tmp_path / "set" / "images", labels=tmp_path / "nowhere.json")
