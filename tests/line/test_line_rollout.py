import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from line_scenes import BASE, START
from typer.testing import CliRunner

from januscl.cli.release import app
from januscl.core import (
    Answer,
    Cell,
    Conflict,
    Frame,
    Instances,
    ModelVersion,
    NotFound,
    Outcome,
    Stage,
    Ticket,
    encode_mask,
)
from januscl.core.contracts import check_robot
from januscl.line import Crew, Line, Releasing, Rollout, Watching
from januscl.line.ending import end_abandoned, end_release
from januscl.line.observer import Observer
from januscl.release import open_release, who_runs
from januscl.store import Workspace

MASK = np.zeros((48, 48), np.bool_)
MASK[8:40, 8:40] = True
CHAMPION, CHALLENGER = "m-champion", "m-challenger"
CELLS = (
    Cell("robot-a", "camera-a", "line-1", "site"),
    Cell("robot-b", "camera-b", "line-1", "site"),
    Cell("robot-c", "camera-c", "line-2", "site"),
    Cell("robot-d", "camera-d", "line-2", "site"),
    Cell("robot-s", "camera-s", "test", "site", station=True),
)


class Scripted:
    """A model that sees one package and signs it with its own class id."""

    taxonomy = BASE

    def __init__(self, kind):
        self.kind = kind

    def predict(self, images):
        one = Instances.of_masks([encode_mask(MASK)], [self.kind])
        return [one for _ in images]


MODELS = {CHAMPION: Scripted(1), CHALLENGER: Scripted(2)}


class ScriptedRobot:
    """A robot whose picks fail at a rate that depends on the model that it is run by."""

    def __init__(self, fleet, cell, rates, seed):
        self.name, self._fleet, self._cell = cell.robot, fleet, cell
        self._rates, self._rng = rates, np.random.default_rng(seed)

    def look(self):
        image = np.zeros((48, 48, 3), np.uint8)
        return Frame(image, self._cell.camera, self.name, self._fleet.now)

    def attempt(self, instances, instance, point):
        if instance is None:
            return Outcome.INFEASIBLE
        fails = self._rng.random() < self._rates[int(instances.labels[instance])]
        return Outcome.MISSED if fails else Outcome.PICKED


class ScriptedFleet:
    """Four robots at work and a station; ``rates`` and ``station`` map class id to failures."""

    cells = CELLS

    def __init__(self, rates, station):
        self.now, self.piles = START, []
        self._robots = {
            cell.robot: ScriptedRobot(self, cell, station if cell.station else rates, k)
            for k, cell in enumerate(CELLS)
        }

    def robot(self, name):
        return self._robots[name]

    def advance(self):
        self.now += timedelta(seconds=30)

    def mend(self, robot, cause):
        raise AssertionError("nobody calls technicians")

    def load_station(self, test):
        self.piles.append(test)


class Site:
    """A fleet at work on a workspace, ready for a release."""

    def __init__(self, folder, rates, station=None, policy=None):
        self.workspace = Workspace.open(folder)
        self.catalogue = self.workspace.catalogue
        self.fleet = ScriptedFleet(rates, station or rates)
        self.observer = Observer(self.workspace, CELLS, Watching(False, 10**6, 0.0, seed=0))
        for id in (CHAMPION, CHALLENGER):
            digest = self.workspace.blobs.put(id.encode())
            self.catalogue.models.put(ModelVersion(id, digest, BASE, None, None, START))
        self.catalogue.aliases.set("champion", CHAMPION)
        self.ran = []
        policy = policy or Releasing(stage_picks=40, max_looks=4, margin=0.2)
        self.crew = Crew(self.fleet, self.observer, self.runs, MODELS.get)
        self.rollout = Rollout(self.workspace, self.fleet, MODELS.get, self.work, policy)

    def runs(self):
        for release in self.catalogue.releases.list(open_only=True):
            return who_runs(release, CELLS)
        champion = self.catalogue.aliases.get("champion")
        return {cell.robot: champion for cell in CELLS}

    def work(self, ticks):
        self.ran.append({name for name, model in self.runs().items() if model == CHALLENGER})
        self.crew.work(ticks)

    def release(self):
        self.work(15)  # the champion's picks of before
        self.ran.clear()
        challenger = self.catalogue.models.get(CHALLENGER)
        return self.rollout.run(challenger, CHAMPION, None)


@pytest.fixture
def site(tmp_path):
    sites = []

    def make(*args, **more):
        sites.append(Site(tmp_path / "w", *args, **more))
        return sites[-1]

    yield make
    for made in sites:
        made.workspace.close()


def stages(release):
    return [(report.stage, report.answer) for report in release.reports]


def test_a_good_challenger_goes_from_station_to_beta_to_fleet_and_becomes_champion(site):
    site = site({1: 0.15, 2: 0.03})
    release = site.release()
    assert release.stage is Stage.DONE, release.reports
    passed = [stage for stage, answer in stages(release) if answer is Answer.PASS]
    assert passed == [Stage.STATION, Stage.BETA, Stage.FLEET]
    assert site.catalogue.aliases.get("champion") == CHALLENGER
    assert {frozenset(ran) for ran in site.ran} == {
        frozenset({"robot-a", "robot-b", "robot-s"}),
        frozenset({"robot-a", "robot-b", "robot-c", "robot-s"}),
    }, "robot-d is held back"
    assert set(site.runs().values()) == {CHALLENGER}
    assert site.catalogue.releases.list(open_only=True) == []


def test_both_models_pick_from_the_same_piles_of_the_station(site):
    site = site({1: 0.0, 2: 0.0}, policy=Releasing(station_picks=21, stage_picks=20, max_looks=1))
    release = site.release()
    assert site.fleet.piles == [*range(7), *range(7)]
    (station, *_) = release.reports
    assert (station.challenger_picks, station.control_picks) == (21, 21)


def test_a_harmful_challenger_is_stopped_at_the_station_and_no_customer_sees_it(site):
    site = site({1: 0.05, 2: 0.9})
    release = site.release()
    assert release.stage is Stage.STOPPED
    assert site.ran == [], "no robot at work ran it"
    assert site.catalogue.aliases.get("champion") == CHAMPION
    assert {row.model for row in site.catalogue.observations.list()} == {CHAMPION}
    assert [row.action for row in site.catalogue.audit.list(subject=release.id)] == [
        "release.opened",
        "release.fail",
    ]


def test_one_that_is_harmful_only_at_work_is_rolled_back_in_beta(site):
    site = site({1: 0.05, 2: 0.7}, station={1: 0.05, 2: 0.05})
    release = site.release()
    assert release.stage is Stage.ROLLED_BACK
    assert stages(release)[-1] == (Stage.BETA, Answer.FAIL)
    assert site.catalogue.aliases.get("champion") == CHAMPION
    assert set(site.runs().values()) == {CHAMPION}, "it runs everywhere again"
    tried = {row.robot for row in site.catalogue.observations.list() if row.model == CHALLENGER}
    assert tried == {"robot-a", "robot-b"}, "the other line never had it"


def test_harm_that_shows_only_in_the_fleet_is_rolled_back_too(site):
    site = site({1: 0.05, 2: 0.05}, station={1: 0.05, 2: 0.05})
    worse = {1: 0.05, 2: 0.8}
    site.fleet.robot("robot-c")._rates = site.fleet.robot("robot-d")._rates = worse
    release = site.release()
    assert release.stage is Stage.ROLLED_BACK
    assert stages(release)[-1] == (Stage.FLEET, Answer.FAIL)
    assert set(site.runs().values()) == {CHAMPION}


def test_what_stays_undecided_goes_no_further(site):
    policy = Releasing(stage_picks=8, max_looks=2, margin=0.05)
    site = site({1: 0.3, 2: 0.3}, station={1: 0.0, 2: 0.0}, policy=policy)
    release = site.release()
    assert release.stage is Stage.ROLLED_BACK
    assert stages(release)[1:] == [(Stage.BETA, Answer.INCONCLUSIVE), (Stage.BETA, Answer.FAIL)]
    assert "undecided too long" in release.reports[-1].reasons[-1]


def test_picks_under_a_ticket_do_not_count(site):
    site = site({1: 0.0, 2: 0.0})
    site.work(10)
    tally = site.rollout.tally(CELLS[:2], CHAMPION, None)
    assert (tally.picks, tally.failed) == (20, 0)
    began = site.fleet.now - timedelta(seconds=30 * 3)
    site.catalogue.tickets.put(Ticket("t", "camera-a", "robot-a", "defocus", began, site.fleet.now))
    assert site.rollout.tally(CELLS[:2], CHAMPION, None).picks == 16
    assert site.rollout.tally(CELLS[:1], CHAMPION, None).picks == 6
    assert site.rollout.tally(CELLS[:2], CHALLENGER, None).picks == 0
    assert site.rollout.tally(CELLS[:2], CHAMPION, site.fleet.now).picks == 1


def test_a_robot_with_a_broken_camera_does_not_condemn_a_challenger(site):
    site = site({1: 0.05, 2: 0.05})
    site.fleet.robot("robot-b")._rates = {1: 1.0, 2: 1.0}
    ticket = Ticket("t", "camera-b", "robot-b", "defocus", START, START)
    site.catalogue.tickets.put(ticket)
    release = site.release()
    assert release.stage is Stage.DONE, release.reports
    beta = next(report for report in release.reports if report.stage is Stage.BETA)
    assert beta.challenger_picks == 20, "half of the line's 40"


def test_every_look_is_kept_before_the_next_is_made(site):
    site = site({1: 0.05, 2: 0.7}, station={1: 0.05, 2: 0.05})
    kept = []
    let_work = site.rollout._let_work
    site.rollout._let_work = lambda ticks: (
        kept.append(len(site.catalogue.releases.list()[0].reports)),
        let_work(ticks),
    )
    release = site.release()
    assert kept == list(range(1, len(release.reports)))
    assert site.catalogue.releases.list() == [release]


def test_a_model_that_is_not_there_is_refused_before_a_robot_moves(site):
    site = site({1: 0.0, 2: 0.0})
    ghost = ModelVersion("m-ghost", "0" * 64, BASE, None, None, START)
    with pytest.raises(NotFound, match="not there"):
        site.rollout.run(ghost, CHAMPION, None)
    assert site.fleet.piles == site.ran == []
    assert set(site.runs().values()) == {CHAMPION}


def test_the_scripted_robot_keeps_the_contract_of_a_robot():
    check_robot(ScriptedFleet({1: 0.0}, {1: 0.0}).robot("robot-a"))


def test_a_fleet_without_harm_in_so_many_looks_has_taken_a_challenger_in(site):
    policy = Releasing(stage_picks=12, max_looks=12, fleet_looks=3, margin=0.2)
    site = site({1: 0.0, 2: 0.0}, policy=policy)
    release = site.release()
    assert release.stage is Stage.DONE, release.reports
    fleet = [report for report in release.reports if report.stage is Stage.FLEET]
    assert [report.answer for report in fleet] == [
        Answer.INCONCLUSIVE,
        Answer.INCONCLUSIVE,
        Answer.PASS,
    ]
    assert fleet[-1].challenger_picks < 40, "too few to rule harm out by themselves"
    assert "No harm was seen in the fleet" in fleet[-1].reasons[-1]
    assert site.catalogue.aliases.get("champion") == CHALLENGER


def test_the_fleets_control_is_the_robot_held_back_in_the_same_hours(site):
    """What came to the fleet meanwhile troubles both models, and does not speak against one."""
    site = site({1: 0.0, 2: 0.0}, policy=Releasing(stage_picks=40, fleet_looks=2, margin=0.2))
    let_work = site.rollout._let_work

    def work(ticks):
        if site.catalogue.releases.list(open_only=True)[0].stage is Stage.FLEET:
            for cell in CELLS[:4]:
                site.fleet.robot(cell.robot)._rates = {1: 0.7, 2: 0.7}
        let_work(ticks)

    site.rollout._let_work = work
    release = site.release()
    assert release.stage is Stage.DONE, release.reports
    (*_, last) = release.reports
    assert last.control_failed > 0.4 * last.control_picks
    assert "robot-d" not in site.ran[-1]
    assert set(site.runs().values()) == {CHALLENGER}


def test_harm_that_shows_at_a_later_look_at_the_fleet_is_rolled_back(site):
    policy = Releasing(stage_picks=12, max_looks=12, fleet_looks=12, margin=0.2)
    site = site({1: 0.05, 2: 0.05}, station={1: 0.0, 2: 0.0}, policy=policy)
    worse = {1: 0.05, 2: 0.7}
    site.fleet.robot("robot-c")._rates = site.fleet.robot("robot-d")._rates = worse
    release = site.release()
    assert release.stage is Stage.ROLLED_BACK, release.reports
    fleet = [answer for stage, answer in stages(release) if stage is Stage.FLEET]
    assert fleet[-1] is Answer.FAIL
    assert 1 < len(fleet) < 12
    assert set(site.runs().values()) == {CHAMPION}


def reopened(folder):
    """Return what a line says that robots run, and the releases, once it was opened again."""
    with Line.open(folder, CELLS, taxonomy=BASE) as line:
        releases = line.workspace.catalogue.releases.list()
        ended = [r.subject for r in line.workspace.catalogue.audit.list(
            action="release.rolled_back")]  # fmt: skip
        return line.runs(), releases, ended


KILLED = """
import os, signal, sys
from test_line_rollout import Site
from januscl.core import Stage

site = Site(sys.argv[1], {1: 0.0, 2: 0.0})
def die_at(stage):
    for release in site.catalogue.releases.list(open_only=True):
        if release.stage == stage:
            os.kill(os.getpid(), signal.SIGKILL)
work, load_station = site.crew.work, site.fleet.load_station
def crew_works(ticks):
    work(ticks)
    die_at(sys.argv[2])
def loads(test):
    load_station(test)
    if test == 3:
        die_at(sys.argv[2])
site.crew.work, site.fleet.load_station = crew_works, loads
site.release()
"""


@pytest.mark.parametrize("stage", [Stage.STATION, Stage.BETA, Stage.FLEET])
def test_a_release_whose_process_was_killed_is_rolled_back_when_the_line_opens(tmp_path, stage):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "w"), stage],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)}, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    with Workspace.open(tmp_path / "w") as workspace:
        (left,) = workspace.catalogue.releases.list(open_only=True)
        assert left.stage is stage
        assert CHALLENGER in who_runs(left, CELLS).values()
    runs, (release,), ended = reopened(tmp_path / "w")
    assert set(runs.values()) == {CHAMPION}
    assert (release.stage, ended) == (Stage.ROLLED_BACK, [release.id])
    assert release.reports[-1].reasons == ("the process that watched it ended",)


@pytest.mark.parametrize("error", [RuntimeError("the belt stands"), KeyboardInterrupt()])
def test_an_error_in_the_middle_of_a_release_gives_every_robot_its_champion_back(site, error):
    site = site({1: 0.0, 2: 0.0})
    let_work = site.rollout._let_work

    def fails(ticks):
        let_work(ticks)
        raise error

    site.rollout._let_work = fails
    with pytest.raises(type(error)):
        site.release()
    (release,) = site.catalogue.releases.list()
    assert release.stage is Stage.ROLLED_BACK
    assert type(error).__name__ in release.reports[-1].reasons[0]
    assert set(site.runs().values()) == {CHAMPION}


def test_a_second_release_is_refused_while_one_is_open_and_watched_or_left(site):
    site = site({1: 0.0, 2: 0.0})
    other = ModelVersion("m-other", site.workspace.blobs.put(b"o"), BASE, None, None, START)
    site.catalogue.models.put(other)
    refused = []

    def meanwhile(ticks):
        site.crew.work(ticks)
        with pytest.raises(Conflict, match="janus release stop"):
            site.rollout.run(other, CHAMPION, None)
        refused.append(len(site.catalogue.releases.list()))

    rollout, site.rollout._let_work = site.rollout, meanwhile
    assert rollout.run(site.catalogue.models.get(CHALLENGER), CHAMPION, None).stage is Stage.DONE
    assert set(refused) == {1}
    left = open_release("m-other", CHALLENGER, beta_lines=["line-1"], at=START)
    site.catalogue.releases.put(left)
    with pytest.raises(Conflict, match="is open, at stage station"):
        rollout.run(site.catalogue.models.get(CHAMPION), CHALLENGER, None)


def test_a_release_that_is_watched_is_not_taken_for_abandoned(site):
    site = site({1: 0.0, 2: 0.0})
    seen = []
    site.rollout._let_work = lambda ticks: (
        site.crew.work(ticks),
        seen.append(end_abandoned(site.workspace, START)),
    )
    release = site.rollout.run(site.catalogue.models.get(CHALLENGER), CHAMPION, None)
    assert release.stage is Stage.DONE
    assert seen
    assert not any(seen)


def test_a_person_can_stop_a_release_and_its_watcher_goes_no_further(site):
    site = site({1: 0.0, 2: 0.0})
    cli = CliRunner()

    def stopped(ticks):
        site.crew.work(ticks)
        (release,) = site.catalogue.releases.list(open_only=True)
        folder = str(site.workspace.folder)
        done = cli.invoke(app, ["stop", release.id[:13], "-w", folder, "--reason", "smells"])
        assert done.exit_code == 0, done.output

    site.rollout._let_work = stopped
    release = site.rollout.run(site.catalogue.models.get(CHALLENGER), CHAMPION, None)
    assert release.stage is Stage.ROLLED_BACK
    assert release.reports[-1].reasons == ("smells",)
    assert site.catalogue.releases.list() == [release]
    assert site.catalogue.aliases.get("champion") == CHAMPION
    with pytest.raises(Conflict, match="ended already"):
        end_release(site.workspace, release.id, "again", START)
