from datetime import timedelta

import numpy as np
import pytest

from januscl.core import InvalidInput, NotFound
from januscl.sim import BASE_MIX, SimFleet, day_from_text, demo_day, read_day

DAY = """
site: yard
start: 2026-05-04T06:00:00Z
ticks: 20
seconds_per_tick: 60
lines: [one, two, test]
cells:
  - {robot: r1, camera: c1, line: one}
  - {robot: r2, camera: c2, line: two}
  - {robot: s1, camera: c3, line: test, station: true}
mix: {box: 3, tube: 1}
arrivals:
  - {kind: black polybag, share: 0.5, lines: [one], from: 2, until: 4}
faults:
  - {robot: r2, fault: defocus, severity: 0.6, at: 1, repair: 2}
"""


@pytest.fixture
def fleet():
    return SimFleet(day_from_text(DAY), seed=3, size=96)


def test_the_demo_day_has_two_lines_a_station_two_faults_and_two_new_kinds():
    day = demo_day()
    working = [cell for cell in day.cells if not cell.station]
    assert sorted({cell.line for cell in working}) == ["line-a", "line-b"]
    assert len(working) == 4
    assert len(day.cells) == 5
    assert {fault.fault for fault in day.faults} == {"defocus", "lamp_failed"}
    assert set(day.mix_at("line-b", 80)) == set(BASE_MIX)
    assert day.mix_at("line-a", 80)["black polybag"] == pytest.approx(0.35)
    assert day.mix_at("line-b", 250)["holiday box"] == pytest.approx(0.45)
    assert sum(day.mix_at("line-b", 250).values()) == pytest.approx(1)


def test_kinds_arrive_and_leave_on_their_lines_alone(fleet):
    seen = []
    for _ in range(5):
        seen.append(["black polybag" in fleet.robot(name).mix for name in ("r1", "r2")])
        fleet.advance()
    assert seen == [[False, False], [False, False], [True, False], [True, False], [False, False]]


def test_a_fault_stays_until_technicians_were_called_and_have_worked(fleet):
    robot = fleet.robot("r2")
    assert robot.faults == {}
    fleet.advance()
    assert robot.faults == {"defocus": 0.6}
    for _ in range(3):
        fleet.advance()
    assert robot.faults == {"defocus": 0.6}
    assert not fleet.mend("r2", "lamp_failed")
    assert not fleet.mend("r1", "defocus")
    assert fleet.mend("r2", "defocus")
    fleet.advance()
    assert fleet.mend("r2", "defocus")
    assert robot.faults == {"defocus": 0.6}
    fleet.advance()
    assert robot.faults == {}
    assert not fleet.mend("r2", "defocus")


def test_a_day_with_one_seed_repeats_frame_for_frame_and_second_for_second():
    def live():
        fleet = SimFleet(day_from_text(DAY), seed=7, size=96)
        frames = []
        for _ in range(2):
            frames += [fleet.robot(cell.robot).look() for cell in fleet.cells]
            fleet.advance()
        return frames

    first, again = live(), live()
    for a, b in zip(first, again, strict=True):
        assert (a.robot, a.camera, a.at) == (b.robot, b.camera, b.at)
        assert np.array_equal(a.image, b.image)


def test_another_seed_is_another_day_and_no_two_robots_have_the_same_piles():
    def piles(seed):
        fleet = SimFleet(day_from_text(DAY), seed=seed, size=96)
        for cell in fleet.cells:
            fleet.robot(cell.robot).look()
        return [fleet.robot(cell.robot).scene.packages for cell in fleet.cells]

    one, other = piles(7), piles(8)
    assert piles(7) == one
    assert len({*one, *other}) == 6


def test_time_goes_on_by_the_tick_and_frames_fall_into_theirs(fleet):
    begin = fleet.now
    fleet.advance()
    assert fleet.now - begin == timedelta(seconds=60)
    frames = [fleet.robot("r1").look() for _ in range(3)]
    assert [frame.at for frame in frames] == sorted({frame.at for frame in frames})
    assert timedelta(0) <= frames[0].at - fleet.now < timedelta(seconds=60)


def test_every_cell_looks_a_little_different(fleet):
    first, second = (fleet.robot(name).look().image for name in ("r1", "r2"))
    edge = np.s_[:6]
    assert np.abs(first[edge].astype(float) - second[edge]).mean() > 2


def test_the_station_gets_the_same_test_piles_every_time(fleet):
    def piles(of):
        robot = of.robot("s1")
        for number in range(3):
            robot.load(BASE_MIX, 6, 50_000 + number)
            yield robot.remaining, robot.look().image.mean(axis=(0, 1)).round(0).tolist()

    first = list(piles(fleet))
    assert len({tuple(colour) for _, colour in first}) == 3
    assert list(piles(SimFleet(day_from_text(DAY), seed=3, size=96))) == first


def test_an_unknown_robot_is_not_found(fleet):
    with pytest.raises(NotFound, match="r9"):
        fleet.robot("r9")
    with pytest.raises(NotFound, match="r9"):
        fleet.mend("r9", "defocus")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("kind: black polybag", "kind: barrel", "barrel"),
        ("fault: defocus", "fault: gremlins", "gremlins"),
        ("severity: 0.6", "severity: 7", "severity"),
        ("share: 0.5", "share: lots", "share"),
        ("until: 4", "until: 1", "until"),
        ("lines: [one], from", "lines: [nine], from", "nine"),
        ("robot: r2, fault", "robot: r7, fault", "r7"),
        ("robot: r2, camera", "robot: r1, camera", "unique robots"),
        ("line: two", "line: three", "three"),
        ("ticks: 20", "ticks: -1", "ticks"),
        ("ticks: 20", "ticks: 20\nspeed: 3", "speed"),
        ("site: yard", "", "site"),
        ("2026-05-04T06:00:00Z", "noon", "start"),
        ("mix: {box: 3, tube: 1}", "mix: {box: much}", "mix"),
        ("mix: {box: 3, tube: 1}", "mix: [box]", "mix"),
        ("site: yard", "site: [", "YAML"),
        ("site: yard", "site: yard\nsite: mill", "'site' twice"),
        ("site: yard", 'site: "a\\nb"', "site: expected a text in one line"),
        ("site: yard", "[" * 5000, "YAML"),
        ("site: yard", "site: !!python/object/apply:os.getcwd []", "YAML"),
        ("2026-05-04T06:00:00Z", "2026-13-04T06:00:00Z", "month"),
        ("2026-05-04T06:00:00Z", "9999-12-31T23:50:00Z", "start"),
        ("2026-05-04T06:00:00Z", "2026-05-04T06:00:00", "start"),
        ("ticks: 20", f"ticks: {'9' * 5000}", "YAML"),
        ("ticks: 20", "ticks: true", "ticks"),
        ("box: 3", f"box: {'9' * 400}", "mix: expected weights in 0..1e9, found 9999"),
        ("box: 3", "box: .nan", "mix"),
        ("severity: 0.6", "severity: .nan", "severity"),
        ("seconds_per_tick: 60", "seconds_per_tick: .inf", "seconds_per_tick"),
        ("until: 4", "until: true", "until"),
        ("line: two}", "line: two, station: true}", "at most one station"),
        ("station: true", "station: yes please", "station"),
        (
            "until: 4}",
            "until: 4}\n  - {kind: holiday box, share: 0.6, lines: [one], from: 3}",
            r"shares on one that sum to at most 1 at any tick, found 1\.1 at tick 3",
        ),
    ],
)
def test_a_bad_day_is_refused_with_the_field_that_is_wrong(old, new, named):
    assert old in DAY
    with pytest.raises(InvalidInput, match=named):
        day_from_text(DAY.replace(old, new, 1))


def test_arrivals_whose_shares_fill_a_line_one_after_the_other_are_a_day():
    more = "until: 4}\n  - {kind: holiday box, share: 1.0, lines: [one], from: 4}"
    day = day_from_text(DAY.replace("until: 4}", more))
    assert day.mix_at("one", 4)["holiday box"] == 1
    assert all(sum(day.mix_at("one", tick).values()) == pytest.approx(1) for tick in range(20))


def test_a_day_file_is_read_from_disk_and_a_missing_one_is_named(tmp_path):
    path = tmp_path / "day.yaml"
    path.write_text(DAY, encoding="utf-8")
    assert read_day(path).site == "yard"
    with pytest.raises(NotFound, match=r"absent\.yaml"):
        read_day(tmp_path / "absent.yaml")
