"""Points in px: pixel (0, 0) covers [0, 1) x [0, 1), for the camera, the robot and the choice."""

import numpy as np
import pytest

from januscl.core import Instances, decode_mask, encode_mask
from januscl.picking import choose_pick
from januscl.sim import Look, Pile
from januscl.sim.aim import aim, pixel_of
from januscl.sim.camera import Camera
from januscl.sim.eye import eye

SIZE = 192


def test_a_point_lies_in_the_pixel_that_covers_it():
    assert pixel_of((0.0, 0.999), SIZE) == (0, 0)
    assert pixel_of((12.5, 13.0), SIZE) == (12, 13)
    assert pixel_of((-3.0, 400.0), SIZE) == (0, SIZE - 1)


def test_a_point_comes_back_from_the_world_where_it_was():
    camera = Camera.of_look(Look())
    points = np.asarray([(0.0, 0.0), (0.5, 0.5), (96.0, 96.0), (130.25, 20.75)])
    places = camera.to_world(points, np.asarray([0.6, 0.7, 0.8, 0.9]), SIZE)
    assert camera.to_pixels(places, SIZE) == pytest.approx(points)


def test_what_is_drawn_lies_where_the_camera_says_that_it_lies():
    camera = Camera.of_look(Look())
    # The same place upside down: points that were counted from elsewhere than the corner of the
    # picture would be off by twice as much, and to the other side.
    turned = Camera(camera.at, camera.axes * (-1, -1, 1), camera.field_of_view)
    for seed in range(4):
        pile = Pile.poured({"cylinder": 1.0}, 1, np.random.default_rng(seed), Look())
        shot = eye(SIZE).shoot(pile, camera)
        rows, columns = np.nonzero(shot.ids == 1)
        centres = np.column_stack((columns, rows)) + 0.5
        places = camera.to_world(centres, shot.depth[rows, columns].astype(np.float64), SIZE)
        found = turned.to_pixels(places, SIZE)
        shown = np.column_stack(np.nonzero(eye(SIZE).shoot(pile, turned).ids == 1)[::-1]) + 0.5
        assert np.abs(found.mean(axis=0) - shown.mean(axis=0)).max() < 0.1, "half a pixel shows"


def test_the_cup_is_sent_to_the_middle_of_what_the_mask_shows():
    camera = Camera.of_look(Look())
    depth = np.full((SIZE, SIZE), 0.8, np.float32)
    for left, top, side in ((80, 90, 21), (100, 60, 31)):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[top : top + side, left : left + side] = True
        seen = Instances.of_masks([encode_mask(mask)], [1])
        row, point = choose_pick(seen, depth)
        assert point == (left + side / 2, top + side / 2)
        place, _ = aim(camera, depth, decode_mask(seen.masks[row]), point)
        corners = np.asarray([(left, top), (left + side, top + side)], np.float64)
        middle = camera.to_world(corners, np.full(2, 0.8), SIZE).mean(axis=0)
        assert place == pytest.approx(middle)


def test_a_mirrored_mask_gets_the_mirrored_point():
    mask = np.zeros((96, 128), bool)
    mask[20:61, 30:61] = True

    def point(mask):
        return choose_pick(Instances.of_masks([encode_mask(mask)], [1]))[1]

    x, y = point(mask)
    assert x == 30 + 31 / 2, "the middle of 31 columns"
    assert point(mask[:, ::-1])[0] == 128 - x
    assert 20 + 31 / 2 <= y <= 61 - 31 / 2
