"""What a policy asks of a challenger beyond the gate's defaults."""

from datetime import UTC, datetime

import numpy as np
import pytest
from line_scenes import draw

from januscl.core import Answer, JobFailed
from januscl.decks import freeze_slice
from januscl.line import Judging
from januscl.line.flat import flat, policy_of
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import Footprint, footprint

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def site(tmp_path, untrained):
    """A shelf with one model, which is its own challenger, and a slice of history."""
    with Workspace.open(tmp_path / "w") as workspace:
        shelf = Shelf(workspace)
        version = shelf.add(untrained, AT, parent=None, deck=None, card={})
        frames = [draw(seed) for seed in range(4)]
        part = freeze_slice("history", keep_labelled(workspace, frames, "history"))
        workspace.catalogue.slices.put(part)
        yield workspace, shelf, version.id, part


def verdict(site, **asked):
    workspace, shelf, model, part = site
    return Judge(workspace, shelf, Judging(**asked)).verdict(model, model, [part], None, 0)


def test_a_model_that_a_robot_has_no_time_for_fails_and_says_by_how_much(site):
    said = verdict(site, robot_seconds=1e-6)
    assert said.answer is Answer.FAIL
    assert said.reasons[0].endswith("ms a picture, more than the 0.001 ms that a robot has.")


def test_a_model_that_a_robot_has_no_memory_for_fails(site):
    said = verdict(site, robot_megabytes=1.0, robot_seconds=60.0)
    assert said.answer is Answer.FAIL
    assert [reason.endswith("MiB that a robot has.") for reason in said.reasons] == [True, False]


def test_a_model_within_a_robots_means_is_judged_by_what_it_sees(site):
    within = verdict(site, robot_seconds=60.0, robot_megabytes=64_000.0)
    assert within == verdict(site)


def test_each_slice_is_held_to_its_own_margin(site):
    (score,) = verdict(site, slice_margins={"history": 0.08, "a slice to come": 0.2}).slices
    assert score.margin == 0.08
    (score,) = verdict(site, slice_margin=0.05).slices
    assert score.margin == 0.05


def test_a_margin_of_a_slice_that_there_is_not_is_told_in_the_verdict(site):
    said = verdict(site, slice_margins={"histroy": 0.08, "history": 0.05})
    assert said.reasons[-1] == (
        "The margin of slice 'histroy' in the policy was not used: there is no such slice yet, "
        "only history."
    )
    usual = verdict(site, slice_margins={"history": 0.05})
    assert said.reasons[:-1] == usual.reasons
    assert said.answer == usual.answer


def test_what_a_model_takes_is_measured_once_for_pictures_of_one_size(site, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "januscl.line.shelf.footprint",
        lambda *given: measured.append(given) or Footprint(0.5, 100.0),
    )
    for limit in (0.4, 0.3):
        assert verdict(site, robot_seconds=limit).answer is Answer.FAIL
    assert len(measured) == 1
    _, shelf, model, _ = site
    shelf.footprint(model, [np.zeros((32, 32, 3), np.uint8)])
    assert len(measured) == 2


def test_what_a_model_takes_is_measured_in_a_process_of_its_own(tmp_path, untrained):
    file = tmp_path / "model.safetensors"
    untrained.save(file)
    took = footprint(file, [np.zeros((64, 64, 3), np.uint8)] * 2)
    assert 0 < took.seconds < 10
    assert took.megabytes > 50, "Python and torch alone take more"


def test_the_memory_of_whoever_measures_is_not_the_models(tmp_path, untrained):
    file = tmp_path / "model.safetensors"
    untrained.save(file)
    own = np.ones(2**30, np.uint8)
    took = footprint(file, [np.zeros((64, 64, 3), np.uint8)])
    assert took.megabytes < own.nbytes / 2**20


def test_a_measurement_that_never_ends_is_given_up(tmp_path, untrained, monkeypatch):
    file = tmp_path / "model.safetensors"
    untrained.save(file)
    monkeypatch.setattr("januscl.train.footprints._LIMIT_S", 0.05)
    with pytest.raises(JobFailed, match="took longer than"):
        footprint(file, [np.zeros((64, 64, 3), np.uint8)])


def test_a_file_that_is_no_model_cannot_be_measured(tmp_path):
    file = tmp_path / "odd.safetensors"
    file.write_bytes(b"\x00" * 64)
    with pytest.raises(JobFailed, match=r"odd\.safetensors.*written by Janus"):
        footprint(file, [np.zeros((64, 64, 3), np.uint8)])


def test_margins_of_slices_are_read_from_a_flat_table():
    policy = policy_of({"slice_margins": {"holiday box": 0.05, "base": 0.1}})
    assert policy.judging.slice_margins == {"holiday box": 0.05, "base": 0.1}
    assert policy_of(flat(policy) | {"seed": 0}).judging == policy.judging
