import json
import re
import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from januscl.annotate import find_coco, group_of, read_coco, read_set, write_coco
from januscl.core import (
    Instances,
    InvalidInput,
    Kind,
    LabelledFrame,
    NotFound,
    StorageFull,
    Taxonomy,
    decode_mask,
    encode_mask,
)
from januscl.core.wire import rle_to_json

DATA = Path(__file__).parents[3] / "shared" / "data"
SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]


def photo(path, mode="RGB", size=(30, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new(mode, size).save(path)


def annotation(id=1, **changes):
    base = {"id": id, "image_id": 1, "category_id": 1, "segmentation": SQUARE, "iscrowd": 0}
    return base | changes


def write(folder, annotations=(), images=None, categories=None, name="annotations.json"):
    if images is None:
        images = [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}]
        photo(folder / "a.png")
    if categories is None:
        categories = [{"id": 1, "name": "box", "supercategory": "none"}]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    document = {"images": images, "annotations": list(annotations), "categories": categories}
    path.write_text(json.dumps(document))
    return path


def test_a_sound_file_is_taken_over_whole(tmp_path):
    coco = read_coco(write(tmp_path, [annotation(), annotation(2, segmentation=SQUARE * 2)]))
    assert coco.rejects == ()
    picture = coco.picture("a.png")
    assert (picture.height, picture.width, len(picture.masks)) == (20, 30, 2)
    assert picture.truth.boxes.tolist() == [[2, 2, 8, 8]] * 2
    assert picture.frame().image.shape == (20, 30, 3)
    assert coco.taxonomy.kinds == (Kind(1, "box"),)
    with pytest.raises(NotFound, match=r"'b\.png' is not among the 1"):
        coco.picture("b.png")


BAD = {
    "unknown image": (annotation(image_id=9), "no image with the id 9"),
    "no image named": ({"id": 1}, "it has no image_id, so nobody can tell which image"),
    "no category named": ({"id": 1, "image_id": 1}, "it has no category_id, so nobody can tell"),
    "unknown category": (annotation(category_id=7), "no category with the id 7"),
    "category of no type": (annotation(category_id=[1]), r"no category with the id \[1\]"),
    "crowd": (annotation(iscrowd=1), "a crowd region"),
    "no mask": (annotation(segmentation=[]), r"segmentation, found \[\]"),
    "missing mask": (annotation(segmentation=None), "segmentation, found None"),
    "two points": (annotation(segmentation=[[1, 1, 5, 5]]), "three or more points"),
    "odd numbers": (annotation(segmentation=[[1, 1, 5, 5, 9, 9, 3]]), "three or more points"),
    "text": (annotation(segmentation=[["1", 1, 5, 5, 9, 9]]), "three or more points"),
    "NaN": (annotation(segmentation=[[1, 1, float("nan"), 5, 9, 1]]), "coordinates in px"),
    "huge": (annotation(segmentation=[[1, 1, 10**400, 5, 9, 1]]), "coordinates in px"),
    "no area": (annotation(segmentation=[[1, 1, 9, 9, 5, 5]]), "none inside it"),
    "outside": (annotation(segmentation=[[50, 1, 60, 1, 60, 9]]), "none inside it"),
    "RLE of another size": (
        annotation(segmentation=rle_to_json(encode_mask(np.ones((30, 20))))),
        "a mask of size 20x30 with pixels in it, found 30x20",
    ),
    "empty RLE": (
        annotation(segmentation=rle_to_json(encode_mask(np.zeros((20, 30))))),
        "found 20x30 with 0",
    ),
    "RLE that does not fill": (
        annotation(segmentation={"size": [20, 30], "counts": [5, 5]}),
        "sum to 20x30=600, found a sum of 10",
    ),
    "RLE of negative runs": (
        annotation(segmentation={"size": [20, 30], "counts": [700, -100]}),
        "non-negative runs",
    ),
    "RLE of runs whose sum wraps around": (
        annotation(
            segmentation={"size": [20, 30], "counts": [2**62] * 3 + [2**62 + 600]},
        ),
        "runs of at most 64000000 pixels",
    ),
    "RLE of a run that fits no integer": (
        annotation(segmentation={"size": [20, 30], "counts": [2**70]}),
        "runs of at most 64000000 pixels",
    ),
    "RLE text of a run that fits no picture": (
        annotation(segmentation={"size": [20, 30], "counts": "ooooooo0"}),
        "runs of at most 64000000 pixels",
    ),
    "RLE of a huge picture": (
        annotation(segmentation={"size": [10**6, 10**7], "counts": [10**7] * 10**6}),
        "at most 64000000 pixels, found 1000000x10000000",
    ),
    "RLE cut short": (
        annotation(segmentation={"size": [20, 30], "counts": "Pl"}),
        "mask run lengths: expected",
    ),
    "RLE without size": (annotation(segmentation={"counts": "00"}), "size"),
    "no object": (17, "expected an object, found 17"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_annotation_is_rejected_with_its_reason_and_the_rest_is_kept(tmp_path, case):
    bad, reason = BAD[case]
    coco = read_coco(write(tmp_path, [bad, annotation(2)]))
    assert len(coco.picture("a.png").masks) == 1
    (reject,) = coco.rejects
    assert str(tmp_path / "annotations.json") in reject.thing
    assert re.search(reason, reject.reason)
    entry = reject.thing.rpartition(": ")[2]
    assert entry not in reject.reason, "an entry is named once"


def test_a_picture_whose_every_annotation_is_rejected_does_not_teach_that_nothing_is_there(
    tmp_path,
):
    images = [{"id": k, "file_name": f"{k}.png", "height": 20, "width": 30} for k in (1, 2, 3)]
    for image in images:
        photo(tmp_path / image["file_name"])
    given = [annotation(), annotation(2, category_id=7), annotation(3, image_id=2, category_id=7)]
    coco = read_coco(write(tmp_path, given, images))
    assert [(p.id, len(p.masks)) for p in coco.pictures] == [("1.png", 1), ("3.png", 0)]
    (reason,) = [r.reason for r in coco.rejects if r.thing.endswith("image 2")]
    assert reason == "none of its 1 annotations can be used, so it is left out"


def test_the_second_of_two_entries_with_one_id_is_rejected(tmp_path):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}]
    images.append({"id": 2, "file_name": "a.png"})
    photo(tmp_path / "a.png")
    categories = [{"id": 1, "name": "box"}, {"id": 1, "name": "bag"}]
    annotations = [annotation(5), annotation(5, segmentation=[[0, 0, 1, 0, 1, 1]])]
    coco = read_coco(write(tmp_path, annotations, images, categories))
    assert [(p.id, p.masks[0].area) for p in coco.pictures] == [("a.png", 36)]
    assert len(coco.rejects) == 4
    assert all("twice" in reject.reason for reject in coco.rejects)


def test_polygons_that_leave_the_picture_are_cut_off_and_kept(tmp_path):
    coco = read_coco(write(tmp_path, [annotation(segmentation=[[25, 15, 90, 15, 90, 90, 25, 90]])]))
    assert coco.rejects == ()
    assert coco.pictures[0].truth.boxes.tolist() == [[25, 15, 30, 20]]


def pictures_of_all_kinds(folder):
    photo(folder / "grey.png", "L")
    photo(folder / "alpha.png", "RGBA")
    photo(folder / "deep.png", "I;16")
    photo(folder / "palette.png", "P")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (20, 30)).save(folder / "turned.jpg", exif=exif)
    return ["grey.png", "alpha.png", "deep.png", "palette.png", "turned.jpg"]


def test_every_kind_of_sound_picture_is_taken_at_its_upright_size(tmp_path):
    names = pictures_of_all_kinds(tmp_path)
    images = [
        {"id": i, "file_name": n, "height": 20, "width": 30} for i, n in enumerate(names, start=1)
    ]
    coco = read_coco(write(tmp_path, [annotation()], images))
    assert coco.rejects == ()
    assert [p.image().shape for p in coco.pictures] == [(20, 30, 3)] * 5


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"file_name": "gone.png"}, "picture gone.png is neither at"),
        ({"file_name": "empty.jpg"}, "a picture, found 0 bytes"),
        ({"file_name": "noise.jpg"}, "no picture, or of a format"),
        ({"file_name": "cut.png"}, "damaged or cut short"),
        ({"file_name": "a.png", "height": 21, "width": 30}, "the size 21x30 that the COCO file"),
        ({"file_name": "a.png", "height": 30, "width": 20}, "found 20x30"),
        ({"file_name": "a.png", "height": None}, "the size Nonex30"),
        ({"file_name": "../a.png"}, "a path inside the set's folder"),
        ({"file_name": "/etc/hostname"}, "a path inside the set's folder"),
        ({"file_name": ""}, "a path inside the set's folder"),
        ({"file_name": 7}, "a path inside the set's folder"),
        ({}, "a path inside the set's folder"),
        ({"file_name": "\ud800.png"}, "a path inside the set's folder"),
        ({"file_name": "x" * 400 + ".png"}, "is neither at"),
        ({"file_name": "a.png", "height": float("nan")}, "the size nanx30"),
        ({"file_name": "a.png", "observation": "a\nb"}, "an id of printable characters"),
        ({"file_name": "a.png", "observation": "x" * 201}, "200 at most"),
    ],
)
def test_a_bad_picture_is_rejected_with_its_annotations_and_the_rest_is_kept(
    tmp_path, entry, reason
):
    photo(tmp_path / "a.png")
    photo(tmp_path / "good.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "noise.jpg").write_bytes(b"no picture at all")
    Pillow.effect_noise((90, 90), 60).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:600])
    images = [{"id": 1} | entry, {"id": 2, "file_name": "good.png"}]
    coco = read_coco(write(tmp_path, [annotation(), annotation(2, image_id=2)], images))
    assert [p.id for p in coco.pictures] == ["good.png"]
    (reject,) = coco.rejects
    assert reason in reject.reason
    assert reject.reason.endswith("Its 1 annotations go with it.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", "text that is no JSON from line 1, column 1 on"),
        (b'{"images":\n  oops}', "text that is no JSON from line 2, column 3 on"),
        (b"[]", "a JSON list"),
        (b"3", "a JSON number"),
        (b"{}", "an empty object"),
        (b'{"a": 1}', "an object with 'a'"),
        (b'{"images": [], "annotations": 3}', "no list under 'annotations'"),
        (b"\x80\x80{", "bytes that are no text"),
        (b"[" * 10**5, "text that cannot be read"),
    ],
)
def test_a_file_that_is_no_coco_is_refused(tmp_path, text, found):
    path = tmp_path / "annotations.json"
    path.write_bytes(text)
    with pytest.raises(InvalidInput, match=r"COCO file .*annotations\.json: expected") as caught:
        read_coco(path)
    assert found in caught.value.found


def test_kinds_keep_their_ids_across_files_by_name(tmp_path):
    known = Taxonomy((Kind(1, "bag", "soft"), Kind(4, "tube")))
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 1, "name": "Box", "supercategory": "things"},
        {"id": 2, "name": "bag", "supercategory": "things"},
        {"id": 3, "name": "crate", "supercategory": "crate"},
        {"id": 8, "name": " ", "supercategory": "things"},
    ]
    annotations = [annotation(1, category_id=1), annotation(2, category_id=2)]
    coco = read_coco(write(tmp_path, annotations, categories=categories), taxonomy=known)
    assert coco.taxonomy.kinds == (*known.kinds, Kind(5, "box"), Kind(3, "crate"))
    assert coco.pictures[0].labels == (5, 1)
    assert ["category [4]" in reject.thing for reject in coco.rejects] == [True]


@pytest.mark.parametrize("name", ["\ud800bag", "ba\x1b[31mg", "bag\nbox", "b" * 101, "", 3, None])
def test_a_category_whose_name_could_not_be_written_down_goes_with_its_annotations(tmp_path, name):
    categories = [{"id": 1, "name": name}, {"id": 2, "name": "box", "shape": "\ud800"}]
    annotations = [annotation(1), annotation(2, category_id=2)]
    coco = read_coco(write(tmp_path, annotations, categories=categories))
    assert coco.taxonomy.kinds == (Kind(2, "box", "unknown"),)
    assert coco.pictures[0].labels == (2,)
    assert "1 to 100 printable characters" in coco.rejects[0].reason
    assert "no category with the id 1" in coco.rejects[1].reason


def test_an_exif_rotated_picture_meets_masks_that_were_drawn_upright(tmp_path):
    """Stored lying, shown standing: what is annotated at the top is red at the top."""
    upright = np.zeros((30, 20, 3), np.uint8)
    upright[:10, :] = (250, 0, 0)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(np.ascontiguousarray(np.rot90(upright))).save(tmp_path / "a.png", exif=exif)
    images = [{"id": 1, "file_name": "a.png", "height": 30, "width": 20}]
    top = annotation(segmentation=[[0, 0, 20, 0, 20, 10, 0, 10]])
    (picture,) = read_coco(write(tmp_path, [top], images)).pictures
    frame = picture.frame()
    assert (frame.image[decode_mask(frame.truth.masks[0])] == (250, 0, 0)).all()
    assert (frame.image[~decode_mask(frame.truth.masks[0])] == 0).all()


def test_a_root_category_that_is_annotated_is_kept(tmp_path):
    categories = [{"id": 0, "name": "things"}, {"id": 1, "name": "box", "supercategory": "things"}]
    coco = read_coco(write(tmp_path, [annotation(category_id=0)], categories=categories))
    assert [kind.name for kind in coco.taxonomy] == ["things", "box"]
    assert coco.pictures[0].labels == (1,)


def test_images_are_found_beside_the_file_in_images_or_where_one_says(tmp_path):
    images = [{"id": 1, "file_name": "a.png"}]
    photo(tmp_path / "one" / "images" / "a.png")
    assert len(read_coco(write(tmp_path / "one", [], images))) == 1
    photo(tmp_path / "elsewhere" / "a.png")
    path = write(tmp_path / "two", [], images)
    assert len(read_coco(path)) == 0
    assert len(read_coco(path, images=tmp_path / "elsewhere")) == 1


@pytest.mark.parametrize(
    "name",
    ["_annotations.coco.json", "annotations.coco.json", "annotations.json", "instances_all.json"],
)
def test_a_folder_stands_for_the_coco_file_in_it(tmp_path, name):
    path = write(tmp_path, name=name)
    assert find_coco(tmp_path) == find_coco(path) == [path]


def test_splits_become_one_set_with_distinct_ids_and_one_taxonomy(tmp_path):
    write(tmp_path / "valid", [annotation()])
    write(tmp_path / "train", [annotation()], categories=[{"id": 1, "name": "bag"}])
    coco = read_set(tmp_path)
    assert [(p.id, p.split, p.labels) for p in coco.pictures] == [
        ("train/a.png", "train", (1,)),
        ("valid/a.png", "valid", (2,)),
    ]
    assert [kind.name for kind in coco.taxonomy] == ["bag", "box"]
    assert {p.group for p in coco.pictures} == {"a"}


def test_instances_files_of_one_folder_are_its_splits(tmp_path):
    for name in ("instances_val.json", "instances_train.json"):
        write(tmp_path, [annotation()], name=name)
    assert [p.id for p in read_set(tmp_path).pictures] == ["train/a.png", "val/a.png"]


def test_a_path_without_coco_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InvalidInput, match=r"_annotations.coco.json.*found notes.txt"):
        find_coco(tmp_path)
    photo(tmp_path / "a.JPG")
    with pytest.raises(InvalidInput, match=r"`janus replay` takes a folder .* --labels COCO"):
        find_coco(tmp_path)
    with pytest.raises(NotFound, match="does not exist; pass a COCO file or a folder"):
        find_coco(tmp_path / "gone")
    with pytest.raises(NotFound, match="does not exist; check the path"):
        read_coco(tmp_path / "gone.json")


def test_copies_of_one_photograph_share_a_group():
    assert group_of("valid/4899_B_jpg.rf.0668.jpg") == group_of("4899_B_jpg.rf.bbbb.jpg")
    assert group_of("4899_B_jpg.rf.0668.jpg") == "4899_B_jpg"
    assert group_of("cam\\day.1.png") == "cam/day.1"


def test_pictures_of_one_name_from_two_cameras_are_no_copies(tmp_path):
    names = ["cam1/0001.png", "cam2/0001.png", "train/cam1/0001.jpg", "cam1/0001.rf.77aa.jpg"]
    assert [group_of(name) for name in names] == [
        "cam1/0001",
        "cam2/0001",
        "cam1/0001",
        "cam1/0001",
    ]
    images = [{"id": k, "file_name": name} for k, name in enumerate(names)]
    for name in names:
        photo(tmp_path / name)
    pictures = read_coco(write(tmp_path, [], images)).pictures
    assert [p.is_copy for p in pictures] == [False, False, False, True]


def test_observations_numbered_after_a_dot_are_no_copies():
    assert group_of("pile.0001") != group_of("pile.0002")


def test_the_name_of_any_split_is_no_part_of_the_group(tmp_path):
    for name in ("instances_day1.json", "instances_day2.json"):
        write(tmp_path, [annotation()], name=name)
    assert {p.group for p in read_set(tmp_path).pictures} == {"a"}


def test_progress_counts_every_picture(tmp_path):
    seen = []
    read_coco(write(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 1), (1, 1)]


def frames():
    rng = np.random.default_rng(2)
    for id in ("0190-a", "line 1/cam:2?.jpg"):
        masks = [rng.random((13, 17)) < share for share in (0.5, 0.02, 1.1)]
        truth = Instances.of_masks([encode_mask(m) for m in masks], [9, 2, 2])
        yield LabelledFrame(id, rng.integers(0, 256, (13, 17, 3), dtype=np.uint8), truth)
    yield LabelledFrame("bare", np.zeros((5, 4, 3), np.uint8), Instances.empty())


KINDS = Taxonomy((Kind(2, "box", "box"), Kind(9, "bag", "soft"), Kind(4, "old", retired=True)))


def test_what_is_exported_comes_back_to_the_pixel(tmp_path):
    assert write_coco(tmp_path / "deep" / "annotations.json", frames(), KINDS) == 3
    coco = read_set(tmp_path / "deep")
    assert coco.rejects == ()
    assert coco.taxonomy == KINDS
    for given, picture in zip(frames(), coco.pictures, strict=True):
        found = picture.frame()
        assert found.id == given.id
        assert np.array_equal(found.image, given.image)
        assert found.truth.masks == given.truth.masks
        assert np.array_equal(found.truth.labels, given.truth.labels)
        assert np.array_equal(found.truth.boxes, given.truth.boxes)


def test_the_export_is_read_by_pycocotools(tmp_path):
    from pycocotools.coco import COCO

    path = tmp_path / "annotations.json"
    write_coco(path, frames(), KINDS)
    peer = COCO(str(path))
    first = next(iter(frames()))
    for entry, rle in zip(peer.imgToAnns[1], first.truth.masks, strict=True):
        assert np.array_equal(peer.annToMask(entry) > 0, decode_mask(rle))
        assert entry["area"] == rle.area


def test_an_export_that_cannot_be_right_is_refused_and_the_older_file_stays(tmp_path):
    path = tmp_path / "annotations.json"
    write_coco(path, frames(), KINDS)
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match=r"frame 0190-a: expected class ids among \[1\]"):
        write_coco(path, frames(), Taxonomy((Kind(1, "box"),)))
    with pytest.raises(InvalidInput, match="0190-a twice"):
        write_coco(path, [next(frames()), next(frames())], KINDS)
    truth = Instances.of_masks([encode_mask(np.ones((3, 3)))], [2])
    with pytest.raises(InvalidInput, match="mask of frame f: expected size 4x4"):
        write_coco(path, [LabelledFrame("f", np.zeros((4, 4, 3), np.uint8), truth)], KINDS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("pictures_fit", [False, True])
def test_a_full_disk_leaves_the_older_export_as_it_was(tmp_path, pictures_fit):
    path = tmp_path / "annotations.json"
    write_coco(path, frames(), KINDS)
    before = path.read_bytes()
    largest = max(file.stat().st_size for file in (tmp_path / "images").iterdir())
    assert 20 < largest < len(before)
    room = largest if pictures_fit else 20
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StorageFull, match=r"no room to write .*annotations\.json; .* intact"):
            write_coco(path, frames(), KINDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before


@pytest.mark.skipif(not DATA.exists(), reason="the photographs are not here")
@pytest.mark.parametrize(
    ("name", "pictures", "instances", "kinds"),
    [
        ("ore_clutter", 215, 15435, ["coke", "pellet", "sinter"]),
        ("desk_camera", 500, 500, ["10bath", "airpod", "allmember", "eraser", "fashdrive"]),
    ],
)
def test_real_photographs_are_taken_over_whole(name, pictures, instances, kinds):
    coco = read_set(DATA / name)
    assert coco.rejects == ()
    assert len(coco) == pictures
    assert sum(len(p.masks) for p in coco.pictures) == instances
    assert [kind.name for kind in coco.taxonomy] == kinds
    frame = coco.pictures[3].frame()
    assert frame.truth.masks[0].height == frame.image.shape[0]


@pytest.mark.skipif(not DATA.exists(), reason="the photographs are not here")
def test_boxes_of_real_masks_lie_on_the_boxes_that_the_file_states():
    coco = read_set(DATA / "desk_camera")
    document = json.loads((DATA / "desk_camera" / "annotations.coco.json").read_text())
    names = {image["id"]: image["file_name"] for image in document["images"]}
    for entry in document["annotations"][:100]:
        left, top, width, height = entry["bbox"]
        found = coco.picture(names[entry["image_id"]]).truth.boxes[0]
        assert np.abs(found - (left, top, left + width, top + height)).max() <= 1.5
