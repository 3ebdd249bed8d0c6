from importlib import resources

import pytest

from januscl.core.contracts import check_model
from januscl.evaluate import average_precision
from januscl.sim import BASE_TAXONOMY, ODD, make_drawn, make_wild
from januscl.train import factory_model, universal_card, universal_model

FOLDER = resources.files("januscl.train.factory")


@pytest.fixture(scope="module")
def universal():
    return universal_model()


def test_the_universal_model_keeps_the_contract(universal):
    check_model(universal, size=(192, 192))


def test_the_universal_model_is_small_enough_to_ship():
    assert len((FOLDER / "universal.safetensors").read_bytes()) < 8_000_000


def test_its_card_states_the_command_that_made_it():
    card = universal_card()
    assert card["name"] == "universal"
    assert "janus pretrain" in card["command"]
    assert card["last_loss"] > 0


def test_it_knows_the_base_kinds_and_calls_the_rest_things(universal):
    names = [kind.name for kind in universal.taxonomy]
    assert names == [*(kind.name for kind in BASE_TAXONOMY), ODD]


@pytest.mark.parametrize("source", ["drawn", "wild"])
def test_it_cuts_out_things_that_the_factory_model_misses(universal, source):
    known = universal.taxonomy
    label = known.named(ODD).id
    made = make_drawn(16, 777, label, 192) if source == "drawn" else make_wild(8, 777, known, 192)
    frames = list(made)
    images, truths = [f.image for f in frames], [f.truth for f in frames]
    ap = average_precision(truths, universal.predict(images)).ap
    before = average_precision(truths, factory_model().predict(images)).ap
    assert ap > before + 0.05
