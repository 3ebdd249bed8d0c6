"""A training job, stopped at any step, and other jobs on the same deck."""

import pytest
from line_scenes import ALL, Shift, draw

from januscl.compute.progress import listening
from januscl.decks import Recipe, build_deck
from januscl.line.jobs import train_challenger
from januscl.line.keeping import keep_labelled

SETTINGS = {"steps": 27, "batch": 1, "threads": 1}


class Killed(BaseException):
    """What a job that is killed leaves behind, without a process to kill."""


def test_a_run_that_was_stopped_does_not_stand_in_the_way_of_another_on_its_deck(
    tmp_path, untrained
):
    shift = Shift(tmp_path / "w", untrained)
    items = keep_labelled(shift.workspace, (draw(k, (3, 2)) for k in range(60, 63)), "new")
    deck = build_deck(items, taxonomy=ALL, recipe=Recipe(), seed=0, parent=shift.champion.id)
    shift.catalogue.decks.put(deck)
    folder = str(shift.workspace.folder)

    def stop(told):
        if told["step"] == 26:
            raise Killed

    with pytest.raises(Killed), listening(stop):
        train_challenger(folder, deck.id, "replay", SETTINGS)
    checkpoints = shift.workspace.folder / "checkpoints"
    assert len(list(checkpoints.iterdir())) == 1

    other = train_challenger(folder, deck.id, "naive", SETTINGS | {"steps": 2})
    assert shift.catalogue.models.get(other["model"]).card["strategy"] == "naive"
    steps = []
    with listening(lambda told: steps.append(told["step"])):
        train_challenger(folder, deck.id, "replay", SETTINGS)
    assert steps == [26, 27], "from its own checkpoint at 25"
    assert list(checkpoints.iterdir()) == []
    shift.close()
