import pytest
from line_scenes import BASE, draw

from januscl.train import CompactModel, Naive, Settings, fit


@pytest.fixture(scope="session")
def untrained():
    return CompactModel.new(BASE, input_px=64)


@pytest.fixture(scope="session")
def trained(untrained):
    """A model that finds some boxes and discs, made in a few seconds."""
    settings = Settings(steps=18, batch=2, threads=1, lr=3e-3, warmup=2, frozen_norm=False)
    return fit(untrained, [draw(100 + k) for k in range(16)], [], Naive(), settings).model
