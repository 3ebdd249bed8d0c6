from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Frame, Instances, Observation, encode_mask
from januscl.store import Catalogue

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        yield catalogue


@pytest.fixture
def noon():
    return NOON


@pytest.fixture
def observe():
    """Return a function that makes an observation of two packages."""

    def make(id="o-1", minutes=0.0, camera="cam-1", robot="robot-1", pick=None):
        mask = np.zeros((12, 16), dtype=bool)
        mask[2:6, 3:9] = True
        masks = [encode_mask(mask), encode_mask(~mask)]
        at = NOON + timedelta(minutes=minutes)
        frame = Frame(np.full((12, 16, 3), 7, dtype=np.uint8), camera, robot, at)
        return Observation(id, frame, Instances.of_masks(masks, [1, 2]), "m-0", pick)

    return make
