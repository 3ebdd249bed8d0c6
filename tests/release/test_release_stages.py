from dataclasses import replace
from datetime import UTC, datetime

import pytest

from januscl.core import Answer, Cell, Conflict, InvalidInput, Stage, StageReport
from januscl.release import advance, contenders, controls, open_release, who_runs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CELLS = (
    Cell("r1", "c1", "line-1", "site"),
    Cell("r2", "c2", "line-1", "site"),
    Cell("r3", "c3", "line-2", "site"),
    Cell("test", "c4", "station", "site", station=True),
)


def release(stage=Stage.STATION):
    opened = open_release("m-new", "m-old", beta_lines=["line-1"], at=NOON, novelty="n1")
    return replace(opened, stage=stage)


def report(stage, answer):
    return StageReport(stage, answer, ("why",), 40, 3, 40, 4)


def test_a_good_model_goes_through_station_and_beta_to_the_fleet():
    model = release()
    for stage in (Stage.STATION, Stage.BETA, Stage.FLEET):
        assert model.stage is stage
        model = advance(model, report(stage, Answer.PASS))
    assert model.stage is Stage.DONE
    assert [r.stage for r in model.reports] == [Stage.STATION, Stage.BETA, Stage.FLEET]


@pytest.mark.parametrize(
    ("stage", "end"),
    [
        (Stage.STATION, Stage.STOPPED),
        (Stage.BETA, Stage.ROLLED_BACK),
        (Stage.FLEET, Stage.ROLLED_BACK),
    ],
)
def test_a_failure_ends_the_release_and_gives_every_robot_its_champion_back(stage, end):
    ended = advance(release(stage), report(stage, Answer.FAIL))
    assert ended.stage is end
    assert set(who_runs(ended, CELLS).values()) == {"m-old"}


@pytest.mark.parametrize("stage", [Stage.STATION, Stage.BETA, Stage.FLEET])
def test_an_inconclusive_stage_goes_on_and_keeps_its_report(stage):
    waiting = advance(release(stage), report(stage, Answer.INCONCLUSIVE))
    assert waiting.stage is stage
    assert len(waiting.reports) == 1


@pytest.mark.parametrize(
    ("stage", "challenged"),
    [
        (Stage.STATION, {"test"}),
        (Stage.BETA, {"test", "r1", "r2"}),
        (Stage.FLEET, {"test", "r1", "r2", "r3"}),
        (Stage.DONE, {"test", "r1", "r2", "r3"}),
        (Stage.STOPPED, set()),
        (Stage.ROLLED_BACK, set()),
    ],
)
def test_only_the_cells_of_the_stage_run_the_challenger(stage, challenged):
    runs = who_runs(release(stage), CELLS)
    assert {robot for robot, model in runs.items() if model == "m-new"} == challenged
    assert set(runs) == {"r1", "r2", "r3", "test"}


def test_the_controls_are_the_robots_at_work_that_still_run_the_champion():
    assert controls(release(Stage.BETA), CELLS) == ("r3",)


def test_in_the_fleet_stage_one_robot_in_twenty_is_held_back_as_a_control():
    def held(robots):
        cells = [Cell(f"r{k:02}", f"c{k}", f"line-{1 + k % 3}", "site") for k in range(robots)]
        return controls(release(Stage.FLEET), [*cells, CELLS[-1]])

    assert held(3) == ("r02",)
    assert len(held(30)) == 1, "of the 20 outside the beta line"
    assert len(held(90)) == 3
    assert controls(release(Stage.FLEET), CELLS) == (), "one alone is not held back"
    assert contenders(release(Stage.FLEET), [*CELLS, Cell("r4", "c5", "line-2", "s")]) == ("r3",)
    assert contenders(release(Stage.FLEET), CELLS) == ("r1", "r2", "r3")
    assert contenders(release(Stage.BETA), CELLS) == ("r1", "r2")
    assert contenders(release(), CELLS) == ("test",)
    assert controls(release(Stage.DONE), [Cell(f"r{k}", f"c{k}", "line-2", "s") for k in range(9)]
                    + list(CELLS)) == ()  # fmt: skip


def test_a_report_of_another_stage_or_after_the_end_is_refused():
    with pytest.raises(Conflict, match="is at stage station, the report is of beta"):
        advance(release(), report(Stage.BETA, Answer.PASS))
    for stage in (Stage.DONE, Stage.STOPPED, Stage.ROLLED_BACK):
        with pytest.raises(Conflict, match=f"has ended \\({stage}\\)"):
            advance(release(stage), report(stage, Answer.PASS))


def test_a_release_needs_another_model_a_beta_line_and_a_time_zone():
    with pytest.raises(InvalidInput, match="another model than the champion"):
        open_release("m", "m", beta_lines=["line-1"], at=NOON)
    with pytest.raises(InvalidInput, match="beta lines: expected at least one line"):
        open_release("m", "n", beta_lines=[], at=NOON)
    with pytest.raises(InvalidInput, match="time zone"):
        open_release("m", "n", beta_lines=["line-1"], at=NOON.replace(tzinfo=None))


def test_a_stage_without_a_cell_to_run_on_is_refused():
    with pytest.raises(InvalidInput, match="a test station"):
        who_runs(release(), CELLS[:3])
    lost = replace(release(Stage.BETA), beta_lines=("line-9",))
    with pytest.raises(InvalidInput, match=r"found \['line-9'\]"):
        who_runs(lost, CELLS)
