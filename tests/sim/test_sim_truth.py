import subprocess
import sys

import numpy as np
import pytest

from januscl.core import InvalidInput, decode_mask
from januscl.sim import (
    BASE_MIX,
    BASE_TAXONOMY,
    LATE_KINDS,
    LEAST_PIXELS,
    LEAST_SHARE,
    Look,
    Pile,
    make_labelled,
)
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.truth import truth_of


def _truth(seed=0, mix=BASE_MIX, count=8):
    pile = Pile.poured(mix, count, np.random.default_rng(seed), Look())
    camera = Camera.of_look(Look())
    shot = eye(96).shoot(pile, camera)
    return pile, camera, shot, truth_of(pile, camera, shot)


def test_importing_the_room_does_not_load_mujoco():
    code = "import sys, januscl.sim; sys.exit('mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_gl_the_error_names_the_debian_packages():
    code = (
        "import ctypes.util, os, sys\n"
        "os.environ['MUJOCO_GL'] = 'osmesa'\n"
        "sys.modules['mujoco.osmesa'] = None\n"
        "from januscl.core import MissingDependency\n"
        "from januscl.sim.gl import new_context\n"
        "try:\n    new_context(16)\n"
        "except MissingDependency as error:\n"
        "    sys.exit('libegl1' not in str(error) or 'libosmesa6' not in str(error))\n"
        "sys.exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_same_seed_gives_the_same_frames_and_ids():
    first = list(make_labelled(2, 5, BASE_MIX, size=96))
    again = list(make_labelled(2, 5, BASE_MIX, size=96))
    other = list(make_labelled(2, 6, BASE_MIX, size=96))
    for a, b, c in zip(first, again, other, strict=True):
        assert a.id == b.id
        assert np.array_equal(a.image, b.image)
        assert a.truth.masks == b.truth.masks
        assert a.id != c.id
        assert not np.array_equal(a.image, c.image)


def test_a_frame_does_not_depend_on_how_many_are_made():
    assert np.array_equal(
        next(iter(make_labelled(1, 3, BASE_MIX, size=96))).image,
        next(iter(make_labelled(9, 3, BASE_MIX, size=96))).image,
    )


def test_visible_masks_do_not_overlap_and_carry_the_names_of_the_mix():
    for frame in make_labelled(3, 1, {"tube": 1.0, "box": 1.0}, size=96):
        masks = np.stack([decode_mask(rle) for rle in frame.truth.masks])
        assert masks.sum(axis=0).max() == 1
        names = {BASE_TAXONOMY.kind(int(label)).name for label in frame.truth.labels}
        assert names <= {"tube", "box"}


def test_hardly_visible_packages_are_left_out_of_the_truth():
    left_out = 0
    for seed in range(4):
        pile, camera, shot, truth = _truth(seed, count=14)
        seen = np.bincount(shot.ids.ravel(), minlength=15)[1:]
        alone = eye(96).pixels_alone(pile, camera)
        enough = (seen >= LEAST_PIXELS) & (seen >= LEAST_SHARE * alone)
        masks = [decode_mask(rle) for rle in truth.instances(BASE_TAXONOMY).masks]
        assert [mask.sum() for mask in masks] == seen[enough].tolist()
        left_out += int((~enough & (seen > 0)).sum())
    assert left_out, "fourteen packages in one bin never hid one another"


def test_a_package_alone_in_the_bin_is_seen_whole():
    _, _, _, truth = _truth(count=1)
    assert truth.share[0] == pytest.approx(1.0)
    _, _, _, crowded = _truth(count=12)
    assert crowded.share.max() <= 1.0
    assert crowded.share.min() < 0.9


def test_depth_and_camera_agree_on_where_the_bins_floor_is():
    _, camera, shot, truth = _truth(count=1)
    rows, columns = np.nonzero((truth.ids == 0) & (np.hypot(*np.mgrid[-48:48, -48:48]) < 25))
    pixels = np.column_stack((columns, rows)) + 0.5
    places = camera.to_world(pixels, shot.depth[rows, columns].astype(float), 96)
    assert np.median(np.abs(places[:, 2])) < 0.002
    assert np.allclose(camera.to_pixels(places, 96), pixels, atol=1e-6)


def test_a_settled_pile_stays_where_it_is():
    for seed in range(3):
        pile, *_ = _truth(seed)
        before = pile.poses[:, :3]
        pile.step(60)
        moved = np.linalg.norm(pile.poses[:, :3] - before, axis=1)
        assert np.median(moved) < 0.003
        assert moved.max() < 0.05


@pytest.mark.parametrize("kind", [*BASE_MIX, *LATE_KINDS])
def test_every_kind_falls_into_the_bin_and_is_seen(kind):
    pile, _, shot, truth = _truth(mix={kind: 1.0}, count=3)
    assert set(truth.kinds) == {kind}
    assert (np.abs(pile.poses[:, :2]) < 0.25).all()
    assert len(truth.shown) >= 1
    assert shot.image[truth.ids > 0].std() > 5


def test_a_black_polybag_is_darker_than_any_base_kind():
    def brightness(kind):
        _, _, shot, truth = _truth(mix={kind: 1.0}, count=3)
        return shot.image[truth.ids > 0].mean()

    assert brightness("black polybag") < 0.6 * min(brightness(kind) for kind in BASE_MIX)


def test_a_kind_that_the_taxonomy_lacks_is_refused_by_name():
    with pytest.raises(InvalidInput, match="black polybag"):
        make_labelled(1, 0, {"black polybag": 1.0})
    grown = BASE_TAXONOMY.with_kind("black polybag", "soft")
    frame = next(iter(make_labelled(1, 0, {"black polybag": 1.0}, grown, size=96)))
    assert set(frame.truth.labels.tolist()) == {7}
    _, _, _, truth = _truth(mix={"window box": 1.0}, count=2)
    with pytest.raises(InvalidInput, match="window box"):
        truth.instances(BASE_TAXONOMY)


@pytest.mark.parametrize(
    "mix", [{"barrel": 1.0}, {"box": -1.0}, {"box": 0.0}, {}, {"box": float("nan")}]
)
def test_a_mix_of_unknown_kinds_or_bad_weights_is_refused(mix):
    with pytest.raises(InvalidInput):
        make_labelled(1, 0, mix)


def test_base_kinds_keep_their_ids_for_ever():
    assert [(kind.id, kind.name) for kind in BASE_TAXONOMY] == [
        (1, "box"), (2, "tall box"), (3, "cylinder"), (4, "tube"), (5, "padded mailer"),
        (6, "flat envelope"),
    ]  # fmt: skip
    assert not set(LATE_KINDS) & {kind.name for kind in BASE_TAXONOMY}
