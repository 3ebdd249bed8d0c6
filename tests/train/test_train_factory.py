from importlib import resources

import numpy as np
import pytest

from januscl.core.contracts import check_model
from januscl.train import factory_card, factory_model

FOLDER = resources.files("januscl.train.factory")


@pytest.fixture(scope="module")
def factory():
    return factory_model()


def test_the_factory_model_keeps_the_contract(factory):
    check_model(factory, size=(192, 192))


def test_the_factory_model_is_small_enough_to_ship():
    assert len((FOLDER / "factory.safetensors").read_bytes()) < 8_000_000


def test_the_card_speaks_of_the_shipped_model(factory):
    card = factory_card()
    assert card["command"].startswith("janus train")
    assert set(card["mask_ap_by_kind"]) == {kind.name for kind in factory.taxonomy}
    assert 0.5 < card["mask_ap50"] <= 1


def test_the_factory_model_sees_nothing_sure_in_an_even_picture(factory):
    even = np.full((192, 192, 3), 120, np.uint8)
    assert (factory.predict([even])[0].scores < 0.5).all()
