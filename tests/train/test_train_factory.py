from importlib import resources

import numpy as np
import pytest

from januscl.core import mask_iou
from januscl.core.contracts import check_model
from januscl.sim import BASE_MIX, make_labelled
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


@pytest.fixture(scope="module")
def piles():
    """Simulated piles that it was neither trained on nor measured on."""
    return list(make_labelled(12, 3, BASE_MIX))


@pytest.fixture(scope="module")
def seen(factory, piles):
    return factory.predict([pile.image for pile in piles])


def test_the_factory_model_finds_most_packages_of_piles_it_never_saw(piles, seen):
    found = []
    for pile, instances in zip(piles, seen, strict=True):
        sure = instances.only(instances.scores >= 0.5)
        found += mask_iou(pile.truth.masks, sure.masks).max(axis=1, initial=0).tolist()
    assert len(found) > 60
    assert np.mean(np.array(found) >= 0.5) > 0.6


def test_what_the_factory_model_is_sure_of_is_a_package(piles, seen):
    right = []
    for pile, instances in zip(piles, seen, strict=True):
        sure = instances.only(instances.scores >= 0.7)
        right += mask_iou(sure.masks, pile.truth.masks).max(axis=1, initial=0).tolist()
    assert len(right) > 40
    assert np.mean(np.array(right) >= 0.5) > 0.8
