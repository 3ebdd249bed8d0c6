"""Training within a budget of steps or seconds."""

from dataclasses import replace

import pytest
import torch
from train_piles import SHORT, draw

import januscl.train.pace
from januscl.core import InvalidInput
from januscl.train import Checkpoint, CompactModel, Naive, Settings, fit
from januscl.train.crew import Team
from januscl.train.pace import Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(januscl.train.pace, "monotonic", clock)
    return clock


def run(pace, clock, seconds_of):
    """Make steps of given lengths until the pace says that it is enough; return the rates."""
    rates = []
    while len(rates) < pace.steps:
        rates.append(pace.rate(len(rates)))
        clock.now += seconds_of(len(rates))
        pace.made(len(rates))
    return rates


def paced(seconds, **settings):
    return Pace(Settings(steps=1000, seconds=seconds, **settings), Team(), torch.device("cpu"))


def test_as_many_steps_are_made_as_fit_and_the_rate_falls_to_its_end_with_them(clock):
    pace = paced(60)
    rates = run(pace, clock, lambda step: 1.0)
    assert len(rates) == 60
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] < 0.02 * max(rates)
    assert pace.spent == 60


def test_a_machine_that_slows_down_ends_its_schedule_in_time(clock):
    pace = paced(60)
    rates = run(pace, clock, lambda step: 1.0 if step <= 30 else 5.0)
    assert 55 <= pace.spent <= 65, "the time is used; one step over, at most"
    assert len(rates) <= 37
    assert rates[-1] < 0.05 * max(rates)


def test_a_first_slow_step_does_not_cut_the_run_short(clock):
    rates = run(paced(60), clock, lambda step: 20.0 if step == 1 else 1.0)
    assert len(rates) >= 38


def test_steps_bound_a_budget_in_seconds(clock):
    pace = Pace(Settings(steps=25, seconds=600), Team(), torch.device("cpu"))
    assert len(run(pace, clock, lambda step: 1.0)) == 25


def test_one_step_is_made_of_the_smallest_budget(clock):
    assert len(run(paced(0.1), clock, lambda step: 1.0)) == 1


def test_without_seconds_the_clock_changes_nothing(clock):
    settings = Settings(steps=30)
    rates = run(Pace(settings, Team(), torch.device("cpu")), clock, lambda step: 1e6)
    assert rates == [settings.rate(step) for step in range(30)]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_budget_without_sense_is_refused(seconds):
    with pytest.raises(InvalidInput, match="seconds: expected a number above 0"):
        Settings(seconds=seconds)


def test_a_run_within_seconds_goes_on_with_the_identical_losses_and_tells_its_cost(
    clock, kinds, tmp_path
):
    class Slow(Naive):
        def penalty(self, network, batch):
            clock.now += 1.0
            return 0.0

    model, piles = CompactModel.new(kinds, input_px=64), [draw(seed) for seed in range(4)]
    settings = replace(SHORT, steps=500, seconds=14.0, warmup=2)
    kept = Checkpoint(tmp_path / "run.safetensors", every=3)
    told = []

    def stop(done, steps, loss):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, piles, [], Slow(), settings, None, kept, stop)
    clock.now += 1000  # the time in which nothing ran is not counted
    resumed = fit(
        model, piles, [], Slow(), settings, None, kept, lambda *step: told.append(step[:2])
    )
    whole = fit(model, piles, [], Slow(), settings)
    assert resumed.resumed_at == 6
    assert len(whole.losses) == 14
    assert resumed.losses == whole.losses
    assert told[-1] == (14, 14)
    assert (resumed.seconds, resumed.spent, resumed.pictures) == (8, 14, 28)
    again = fit(model, piles, [], Slow(), settings, None, kept)
    assert again.resumed_at == 14
    assert again.losses == whole.losses
