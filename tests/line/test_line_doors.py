"""What comes in through the doors of a line, and what it remembers of who runs what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from line_scenes import ALL, BASE, CELLS, START, Person, as_seen, draw, known
from sqlalchemy import event

from januscl.compute import InlineExecutor
from januscl.core import (
    Answer,
    Cell,
    Conflict,
    Frame,
    InvalidInput,
    Kind,
    NotFound,
    Outcome,
    Pick,
    Stage,
    Taxonomy,
    new_id,
)
from januscl.line import Line, Policy, Watching, World
from januscl.release import open_release
from januscl.store import Workspace
from januscl.train import CompactModel

STATION = next(cell.robot for cell in CELLS if cell.station)


@pytest.fixture
def line(tmp_path, untrained):
    with Workspace.open(tmp_path / "w") as workspace:
        line = Line(workspace, CELLS, Person(), ALL, World(lambda: START), unwatched())
        line.adopt(untrained, {"name": "first"})
        yield line


def unwatched():
    return Policy(Watching(cameras=False))


def look(cell=CELLS[0], count=1, kinds=(1, 2)):
    pile = draw(count, kinds)
    frame = Frame(pile.image, cell.camera, cell.robot, START + timedelta(minutes=count))
    return frame, as_seen(pile.truth, count)


def test_a_robot_that_is_not_in_the_fleet_is_told_which_are(line):
    frame, seen = look(Cell("robot-x", "camera-a", "line-1", "site"))
    for act in (lambda: line.model("robot-x"), lambda: line.observe(frame, seen)):
        with pytest.raises(NotFound, match=r"robot robot-x .*'robot-a'"):
            act()


def test_a_frame_of_another_camera_than_the_robots_is_refused(line):
    frame, seen = look()
    with pytest.raises(InvalidInput, match="its camera camera-a, found camera lens-9"):
        line.observe(replace(frame, camera="lens-9"), seen)


def test_a_label_that_the_model_cannot_give_is_refused(line):
    frame, seen = look()
    with pytest.raises(InvalidInput, match=r"class ids among \[1, 2\], found \[9\]"):
        line.observe(frame, replace(seen, labels=np.array([1, 9])))
    assert line.workspace.catalogue.observations.list() == []


@pytest.mark.parametrize("shape", [(4, 12), (4, 0), (4,)], ids=str)
def test_embeddings_of_another_length_than_the_fleets_are_refused_at_the_door(line, shape):
    line.observer.learn_model(line.champion, known(line.champion))
    frame, seen = look(kinds=(1, 2, 1, 2))
    line.observe(frame, seen)
    frame, seen = look(CELLS[1], 2, kinds=(1, 2, 1, 2))
    expected = r"embeddings of a frame of camera camera-b .*\(4, 16\).* found \(4,.*None"
    with pytest.raises(InvalidInput, match=expected):
        line.observe(frame, replace(seen, embeddings=np.zeros(shape, np.float32)))
    assert len(line.workspace.catalogue.observations.list()) == 1, "nothing of it was kept"
    line.observe(frame, replace(seen, embeddings=None))


def test_one_wrong_first_frame_does_not_say_how_long_embeddings_are(line):
    frame, seen = look()
    line.observe(frame, replace(seen, embeddings=np.ones((2, 5), np.float32)))
    frame, seen = look(CELLS[1], 2)
    line.observe(frame, seen)


def test_what_known_kinds_look_like_says_how_long_embeddings_are(line):
    line.observer.learn_model(line.champion, known(line.champion))
    frame, seen = look()
    with pytest.raises(InvalidInput, match=r"\(2, 16\)"):
        line.observe(frame, replace(seen, embeddings=np.ones((2, 5), np.float32)))


def test_a_frame_and_a_pick_dated_far_ahead_are_refused_at_the_door(line):
    frame, seen = look()
    ahead = datetime.now(UTC) + timedelta(days=2)
    with pytest.raises(InvalidInput, match="ahead by more than a day"):
        line.observe(replace(frame, at=ahead), seen)
    id = line.observe(frame, seen)
    with pytest.raises(InvalidInput, match=f"pick of observation {id}"):
        line.report(id, Pick(0, (3.0, 3.0), Outcome.PICKED, ahead))
    assert line.observer.awaits(id), "the right outcome may still come"


def test_an_outcome_of_an_unknown_observation_is_refused(line):
    pick = Pick(0, (3.0, 3.0), Outcome.PICKED, START)
    for act in (lambda: line.report("nothing", pick), lambda: line.settle("nothing")):
        with pytest.raises(NotFound, match="observation nothing"):
            act()


def test_an_observation_without_a_pick_is_settled(line):
    id = line.observe(*look())
    line.settle(id)
    assert not line.observer.awaits(id)
    line.settle(id)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([], "none"),
        ([CELLS[0], replace(CELLS[0], camera="other")], "robot robot-a in several"),
        ([CELLS[0], replace(CELLS[0], robot="other")], "camera camera-a in several"),
    ],
)
def test_a_fleet_without_a_cell_or_with_one_twice_is_refused(tmp_path, cells, found):
    with pytest.raises(InvalidInput, match=found):
        Line.open(tmp_path / "w", cells)
    assert not (tmp_path / "w").exists()


def test_an_id_made_on_the_robot_is_kept_and_counts_once(line):
    id, (frame, seen) = new_id(), look()
    assert line.observe(frame, seen, id=id) == id
    assert line.observe(frame, seen, id=id) == id
    assert [row.id for row in line.workspace.catalogue.observations.list()] == [id]
    with pytest.raises(Conflict, match="another frame came under the same id"):
        line.observe(look(CELLS[1])[0], seen, id=id)


def test_two_sites_never_draw_the_same_ids(tmp_path, untrained):
    drawn = []
    for site in "ab":
        with Workspace.open(tmp_path / site) as workspace:
            line = Line(workspace, CELLS, Person(), ALL, World(lambda: START), unwatched())
            line.adopt(untrained, {})
            drawn.append(line.observe(*look()))
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    "kinds",
    [(Kind(1, "box"), Kind(2, "black bag")), (Kind(1, "box"), Kind(7, "disc"))],
)
def test_a_taxonomy_that_gives_an_id_or_a_name_another_meaning_is_refused(
    tmp_path, untrained, kinds
):
    with Workspace.open(tmp_path / "w") as workspace:
        line = Line(workspace, CELLS, Person(), Taxonomy(kinds), World(lambda: START))
        with pytest.raises(InvalidInput, match="with_kind"):
            line.adopt(untrained, {})
        assert workspace.catalogue.models.list() == []
        Line(workspace, CELLS, Person(), BASE, World(lambda: START)).adopt(untrained, {})
    with pytest.raises(InvalidInput, match="the champion"):
        Line.open(tmp_path / "w", CELLS, taxonomy=Taxonomy(kinds))


def test_a_line_that_is_opened_again_knows_the_champions_kinds_and_closes_what_it_opened(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        grown = CompactModel.new(ALL, input_px=64)
        line = Line(workspace, CELLS, Person(), ALL, World(lambda: START), unwatched())
        line.adopt(grown, {})
        line.close()
        assert line.champion, "a workspace that was handed in stays open"
    with Line.open(tmp_path / "w", CELLS, executor=InlineExecutor()) as line:
        triangles = look(kinds=(3, 3))
        line.observe(triangles[0], replace(triangles[1], labels=np.array([3, 3])))


def test_who_runs_what_is_not_asked_of_the_catalogue_for_every_frame(line, monkeypatch):
    monkeypatch.setattr("januscl.line.standing._RECHECK", 1e6)
    assert set(line.runs().values()) == {line.champion}
    asked = []
    engine = line.workspace.catalogue._database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for _ in range(50):
        line.runs()
    assert asked == []


def test_a_release_counts_at_once_where_it_is_made_and_soon_elsewhere(line, trained, monkeypatch):
    monkeypatch.setattr("januscl.line.standing._RECHECK", 1e6)
    other = line.shelf.add(trained, START, parent=None, deck=None, card={})
    champion = line.champion
    assert line.runs()[STATION] == champion
    release = open_release(other.id, champion, beta_lines=["line-1"], at=START)
    line.workspace.catalogue.releases.put(release)
    assert line.runs()[STATION] == other.id
    with Workspace.open(line.workspace.folder) as elsewhere:
        elsewhere.catalogue.releases.put(replace(release, stage=Stage.STOPPED))
    line._standing._runs._until = 0.0
    assert line.runs()[STATION] == champion


def test_history_is_kept_to_judge_and_to_teach_and_each_frame_once(line):
    frames = [draw(k) for k in range(12)]
    part = line.remember(frames)
    (deck,) = line.workspace.catalogue.decks.list()
    assert (part.name, len(part.items), len(deck.items)) == ("history", 3, 9)
    assert {i.id for i in part.items} | {i.id for i in deck.items} == {f.id for f in frames}
    assert line.remember(frames) == part
    assert line.remember([*frames, *(draw(k) for k in range(50, 57))]).name == "history 2"
    assert len(line.workspace.catalogue.decks.list()) == 2


@pytest.mark.parametrize("frames", [[], [draw(1)], [draw(k, ()) for k in range(10)]])
def test_a_history_that_cannot_teach_and_judge_is_refused(line, frames):
    with pytest.raises(InvalidInput, match="labelled history"):
        line.remember(frames)
    assert line.workspace.catalogue.slices.list() == []


def test_nothing_passes_the_gate_where_nothing_of_the_past_is_tested(line, trained):
    better = line.shelf.add(trained, START, parent=line.champion, deck=None, card={})
    past = line.remember([draw(k) for k in range(12)])
    alone = replace(past, name="triangle", novelty="n-1")
    judged = {}
    for slices in ([alone], [alone, past]):
        verdict = line.judge.verdict(better.id, line.champion, slices, "triangle", 0)
        judged[len(slices)] = verdict
    assert judged[2].answer is Answer.PASS, judged[2].reasons
    assert judged[1].answer is Answer.INCONCLUSIVE
    assert "Line.remember" in judged[1].reasons[0]
