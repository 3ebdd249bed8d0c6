"""A package that the model sees nothing in, found by the depth that it stands out with."""

from dataclasses import replace

import numpy as np
import pytest
from line_scenes import ALL, CELLS, EVERY, START, TRIANGLE, Person, draw

from januscl.core import (
    UNEXPLAINED,
    Frame,
    Instances,
    LabelledFrame,
    Outcome,
    Pick,
    decode_mask,
    mask_iou,
    masks_of,
)
from januscl.line import Collecting, Line, Policy, Watching, World
from januscl.store import Workspace

REFERENCE = 20
BIN = np.random.default_rng(9).normal(0, 25, (64, 64, 1))


def pile(k: int, speckled: bool) -> LabelledFrame:
    """Draw three packages, and in the last quarter, which is often empty, a speckled one."""
    often_empty = (1, 2, 1) if speckled or k % 3 else (1, 2, 1, 2)
    drawn = draw(70_000 + k, often_empty)
    rng = np.random.default_rng(k)
    grain = rng.normal(0, 4, drawn.image.shape) + BIN  # no camera shows an even picture
    drawn = replace(drawn, image=np.clip(drawn.image + grain, 0, 255).astype(np.uint8))
    if not speckled:
        return drawn
    top, left = (int(v) for v in rng.integers(38, 42, 2))
    image = drawn.image.copy()
    speckles = np.kron(rng.integers(0, 2, (10, 10)), np.ones((2, 2), np.int64))
    image[top : top + 20, left : left + 20] = (5 + 245 * speckles)[..., None]
    ids = np.zeros((64, 64), np.int32)
    ids[top : top + 20, left : left + 20] = 1
    truth = drawn.truth
    all_of_it = Instances.of_masks(
        [*truth.masks, *masks_of(ids, 1)], [*truth.labels.tolist(), TRIANGLE]
    )
    return LabelledFrame(drawn.id, image, all_of_it)


class BlindShift:
    """A line with a depth camera, whose model sees all but speckled packages."""

    def __init__(self, folder, model):
        self.now, self.model, self.piles = START, model, {}
        self.workspace = Workspace.open(folder)
        policy = Policy(
            Watching(reference_frames=REFERENCE, seed=0), Collecting(frames=12, least=12)
        )
        self.line = Line(
            self.workspace, CELLS, Person(), ALL, World(lambda: self.now), policy,
            picks_a_day=1000.0,
        )  # fmt: skip
        self.line.adopt(model, {"name": "blind"})

    def pick(self, speckled: bool) -> str:
        self.now += EVERY
        shown = pile(len(self.piles), speckled)
        depth = np.full((64, 64), 1.0, np.float32)
        for rle in shown.truth.masks:
            depth[decode_mask(rle)] = 0.9
        frame = Frame(shown.image, CELLS[0].camera, CELLS[0].robot, self.now, depth)
        seen = shown.truth.only(shown.truth.labels != TRIANGLE)
        seen = replace(seen, embeddings=self.model.describe(shown.image, seen.masks))
        id = self.line.observe(frame, seen)
        self.piles[id] = shown
        self.line.report(id, Pick(0, (16.0, 16.0), Outcome.PICKED, self.now))
        return id


@pytest.fixture(scope="module")
def shift(tmp_path_factory, untrained):
    shift = BlindShift(tmp_path_factory.mktemp("blind") / "w", untrained)
    shift.before = [shift.pick(speckled=False) for _ in range(2 * REFERENCE + 5)]
    # A picture of 64 px is too small to tell a knocked camera from a large package.
    cameras = shift.line.observer._cameras
    cameras._health, cameras._watched = {}, set()
    shift.speckled = []
    for _ in range(20):
        shift.speckled.append(shift.pick(speckled=True))
        shift.before.append(shift.pick(speckled=False))
    yield shift
    shift.workspace.close()


def test_what_the_model_is_blind_to_becomes_a_row_without_a_score(shift):
    for id in shift.speckled:
        seen = shift.workspace.catalogue.observations.get(id).instances
        assert seen.labels.tolist()[3:] == [UNEXPLAINED]
        assert seen.scores[3] == 0
        assert mask_iou([seen.masks[3]], [shift.piles[id].truth.masks[3]])[0, 0] > 0.8


def test_a_bin_in_which_the_model_sees_everything_has_no_unexplained_row(shift):
    for id in shift.before:
        seen = shift.workspace.catalogue.observations.get(id).instances
        assert UNEXPLAINED not in seen.labels


def test_what_the_model_is_blind_to_is_a_novelty_once_it_recurs(shift):
    (novelty,) = shift.workspace.catalogue.novelties.list()
    members = shift.line.ledger._desk.members(novelty.id)
    blind = [m for m in members if m.observation in shift.speckled and m.instance == 3]
    assert len(blind) >= 12
    assert len(blind) > len(members) / 2, "it is about them"
    for member in blind:
        mask = shift.workspace.catalogue.observations.get(member.observation).instances.masks[3]
        looks = shift.model.describe(shift.piles[member.observation].image, [mask])[0]
        assert np.allclose(member.embedding, looks, atol=1e-4), "it looks as the model describes it"
