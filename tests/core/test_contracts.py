"""The contracts find what breaks a promise: a contract that passes everything proves nothing."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from januscl.core import Instances, NotFound, Outcome, Taxonomy, encode_mask
from januscl.core.contracts import check_blobs, check_model, check_robot, check_strategy

KINDS = Taxonomy().with_kind("box", "box")


class Thresholds:
    """A model that keeps its promises: what is brighter than the mean is one package."""

    taxonomy = KINDS

    def predict(self, images):
        return [self.one(image) for image in images]

    def one(self, image):
        bright = image.mean(axis=2) > image.mean()
        if not bright.any():
            return Instances.empty()
        seen = Instances.of_masks([encode_mask(bright), encode_mask(bright)], [1, 1])
        return replace(seen, scores=np.array([0.9, 0.6], np.float32))

    def save(self, path):
        path.write_bytes(b"thresholds: none")


def test_a_model_that_keeps_its_promises_passes():
    check_model(Thresholds())


class Forgets(Thresholds):
    def predict(self, images):
        return super().predict(images)[:1]


class Scribbles(Thresholds):
    def one(self, image):
        image[0] = 0
        return super().one(image)


class Crops(Thresholds):
    def one(self, image):
        return super().one(image[:-1])


class Invents(Thresholds):
    def one(self, image):
        seen = super().one(image)
        return replace(seen, labels=seen.labels + 7)


class Shuffles(Thresholds):
    def one(self, image):
        seen = super().one(image)
        return replace(seen, scores=seen.scores[::-1])


class DependsOnTheBatch(Thresholds):
    def predict(self, images):
        return [replace(s, scores=s.scores / len(images)) for s in super().predict(images)]


class SavesNothing(Thresholds):
    def save(self, path):
        path.touch()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Forgets, "one Instances for each image"),
        (Scribbles, "does not change its input"),
        (Crops, "the size of their image"),
        (Invents, "class ids of the model's taxonomy"),
        (Shuffles, "scores fall"),
        (DependsOnTheBatch, "in any batch"),
        (SavesNothing, "save writes the weights"),
    ],
)
def test_a_model_that_breaks_a_promise_is_told_which(model, says):
    with pytest.raises(AssertionError, match=says):
        check_model(model())


class Drawer:
    """A strategy that draws by chance from all there is."""

    name = "drawer"

    def begin(self, network, champion, new, history, batch_of):
        return self

    def draw(self, new, history, shape, rng):
        return rng.integers(0, new + history, shape)

    def penalty(self, network, batch):
        return 0.0

    def finish(self, network, champion):
        pass


class OwnChance(Drawer):
    def draw(self, new, history, shape, rng):
        return np.random.default_rng().integers(0, new + history, shape)


class OldOnly(Drawer):
    def draw(self, new, history, shape, rng):
        return rng.integers(new, new + max(history, 1), shape)


@pytest.mark.parametrize(
    ("strategy", "says"), [(OwnChance, "only source of chance"), (OldOnly, "something new")]
)
def test_a_strategy_that_breaks_a_promise_is_told_which(strategy, says):
    check_strategy(Drawer())
    with pytest.raises(AssertionError, match=says):
        check_strategy(strategy())


class Memory:
    """Blobs in a dictionary."""

    def __init__(self):
        self.kept = {}

    def put(self, data):
        digest = sha256(data).hexdigest()
        self.kept[digest] = data
        return digest

    def get(self, digest):
        if digest not in self.kept:
            raise NotFound(digest)
        return self.kept[digest]

    def has(self, digest):
        return digest in self.kept


class OwnNames(Memory):
    def put(self, data):
        return super().put(data)[::-1]


class Silent(Memory):
    def get(self, digest):
        return self.kept.get(digest)


@pytest.mark.parametrize(("blobs", "says"), [(OwnNames, "SHA-256"), (Silent, "raises NotFound")])
def test_blobs_that_break_a_promise_are_told_which(blobs, says):
    check_blobs(Memory())
    with pytest.raises(AssertionError, match=says):
        check_blobs(blobs())


def test_a_robot_that_claims_a_pick_of_nothing_is_told_so():
    class Boaster:
        name = "r"

        def look(self):
            class Frame:
                robot = "r"

            return Frame()

        def attempt(self, instances, instance, point):
            return Outcome.PICKED

    with pytest.raises(AssertionError, match="nothing to try"):
        check_robot(Boaster())
