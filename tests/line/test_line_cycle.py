import os
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from line_scenes import ALL, BASE, EVERY, START, TRIANGLE, Person, Shift, draw

from januscl.compute import InlineExecutor
from januscl.core import (
    Answer,
    Conflict,
    Instances,
    JobFailed,
    Label,
    NoveltyState,
    Ticket,
    masks_of,
)
from januscl.core.wire import instances_from_json
from januscl.decks import Recipe, build_deck
from januscl.line import Learning
from januscl.line.keeping import keep_labelled
from januscl.store import Workspace


def somewhere(k: int, truth: Instances) -> Instances:
    """Label small squares at the picture's edge, where nothing lies."""
    ids = np.zeros((64, 64), np.int32)
    for n in range(6):
        ids[0:4, 10 * n : 10 * n + 5] = n + 1
    return Instances.of_masks(masks_of(ids, 6), [TRIANGLE] * 6)


@pytest.fixture(scope="module")
def good(tmp_path_factory, untrained):
    """A cycle whose champion knows nothing, so that any training helps."""
    learning = Learning(steps=14, batch=2, threads=1, replay=6)
    shift = Shift(tmp_path_factory.mktemp("good") / "w", untrained, frames=15, learning=learning)
    shift.triangles_arrive(18)
    (novelty,) = shift.line.ready()
    shift.told = []
    shift.outcome = shift.line.learn(novelty, progress=shift.told.append)
    yield shift
    shift.close()


def test_a_cycle_tells_how_far_it_has_come(good):
    first, *rest = good.told
    assert first == "asking for 15 labels of novelty-1; 0 came before"
    steps = [text for text in rest if text.startswith("training: step ")]
    assert 5 <= len(steps) <= 14
    assert steps[-1].startswith("training: step 14 of 14, loss ")
    after = rest[rest.index(steps[-1]) + 1 :]
    assert (after[0], after[-1]) == (
        "comparing the model with the champion",
        f"the gate says {good.outcome.verdict.answer}",
    )


def test_a_cycle_asks_for_its_quota_and_keeps_every_label(good):
    outcome = good.outcome
    assert outcome.labels == len(good.person.asked) == 15
    assert good.catalogue.label_tasks.pending() == []
    rows = good.catalogue.labels.list()
    labels = {row.label.observation: row for row in rows}
    assert labels.keys() == {task.observation for task in good.person.asked}
    for observation, row in labels.items():
        kept = instances_from_json(good.workspace.get_json(row.digest))
        assert kept.masks == good.person.truth[observation].masks
        assert row.label.annotator == "person"


def test_the_label_tasks_carry_what_the_model_proposed(good):
    task = good.person.asked[0]
    assert task.novelty == good.outcome.novelty.id
    assert task.image.shape == (64, 64, 3)
    assert task.proposals.labels.tolist() == [1, 2, 1, 2], "it took the triangle for a box"


def test_the_deck_holds_what_is_new_and_replay_and_nothing_that_judges(good):
    deck, part = good.outcome.deck, good.catalogue.slices.get(good.outcome.slice)
    base = good.catalogue.slices.get("base")
    sources = [item.source for item in deck.items]
    assert sources.count(good.outcome.novelty.id) == 10
    assert sources.count("replay") == 6
    assert len(part.items) == 5, "a third of the labels judges"
    judged = {item.id for item in (*part.items, *base.items)}
    assert not judged & {item.id for item in deck.items}
    assert deck.parent == good.champion.id
    assert [kind.name for kind in deck.taxonomy] == ["box", "disc", "triangle"]


def test_the_slice_that_a_novelty_leaves_behind_bears_its_name(good):
    assert good.outcome.slice == good.outcome.novelty.name == "triangle"
    assert good.outcome.novelty.kind == TRIANGLE


def test_a_challenger_that_is_better_becomes_champion_and_closes_the_novelty(good):
    outcome = good.outcome
    assert outcome.verdict.answer is Answer.PASS, outcome.verdict.reasons
    assert outcome.champion == good.champion.id
    assert good.line.champion == outcome.challenger.id != good.champion.id
    assert outcome.novelty.state is NoveltyState.CLOSED
    assert good.catalogue.novelties.get(outcome.novelty.id) == outcome.novelty
    (row,) = good.catalogue.verdicts.list()
    assert (row.model, row.champion) == (outcome.challenger.id, good.champion.id)
    assert row.verdict == outcome.verdict
    assert {score.slice for score in outcome.verdict.slices} == {"base", "triangle"}


def test_a_challengers_card_says_how_it_was_made(good):
    challenger = good.catalogue.models.get(good.outcome.challenger.id)
    assert (challenger.parent, challenger.deck) == (good.champion.id, good.outcome.deck.id)
    assert challenger.made == good.now, "the line's time, not the machine's"
    assert challenger.card["settings"]["steps"] == 14
    assert (challenger.card["new_frames"], challenger.card["replayed_frames"]) == (10, 6)
    assert [kind.name for kind in challenger.taxonomy] == ["box", "disc", "triangle"]


def test_every_step_of_a_cycle_is_in_the_audit_log(good):
    actions = [row.action for row in good.catalogue.audit.list() if row.at == good.now]
    told = [a for a in actions if not a.startswith("campaign")]
    assert told == [
        "novelty.labelling",
        "labelled",
        "slice.kept",
        "novelty.in_deck",
        "deck.built",
        "trained",
        "gate.pass",
        "novelty.in_release",
        "champion.changed",
        "novelty.closed",
        "slice.frozen",
        "novelties.taken_over",
    ]


def test_nothing_of_the_training_is_left_behind_but_the_model(good):
    assert list((good.workspace.folder / "checkpoints").iterdir()) == []


def test_a_challenger_taught_with_useless_labels_is_refused_and_the_novelty_waits(
    tmp_path, trained
):
    learning = Learning(strategy="naive", steps=12, batch=3, threads=1, replay=0)
    shift = Shift(tmp_path / "w", trained, Person(somewhere), learning=learning)
    shift.line.cycle._executor = InlineExecutor()
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    outcome = shift.line.learn(novelty)
    assert outcome.verdict.answer is Answer.FAIL, outcome.verdict.reasons
    assert outcome.release is None
    assert shift.line.champion == shift.champion.id
    assert outcome.novelty.state is NoveltyState.COLLECTING
    assert shift.catalogue.releases.list() == []
    refused = [row.subject for row in shift.catalogue.audit.list(action="gate.fail")]
    assert refused[-1] == outcome.challenger.id, "as trained, or as it was tempered last"
    assert shift.catalogue.audit.list(action="gate.pass") == []
    assert outcome.challenger.id in {model.id for model in shift.catalogue.models.list()}
    shift.close()


def labelled(shift):
    """Take the first novelty as far as its labelled frames and return both with the labels."""
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    frames = shift.line.ledger.choose(novelty.id, 12)
    return novelty, frames, shift.line.cycle.labeller.label(novelty, frames)


def test_wrong_labels_become_rejects_with_a_reason_and_the_rest_is_used(tmp_path, untrained):
    def spoil(k, truth):
        if k == 0:
            small = np.zeros((32, 32), np.int32)
            small[4:9, 4:9] = 1
            return Instances.of_masks(masks_of(small, 1), [1])
        if k == 1:
            return replace(truth, labels=np.full_like(truth.labels, 77))
        if k == 2:
            return replace(truth, scores=np.full_like(truth.scores, 0.5))
        return truth

    shift = Shift(tmp_path / "w", untrained, Person(spoil))
    novelty, frames, labels = labelled(shift)
    assert len(labels) == 9
    asked = [task.observation for task in shift.person.asked]
    reasons = {row.thing: row.reason for row in shift.catalogue.rejects.list()}
    assert list(reasons) == [f"label of {id}" for id in asked[:3]]
    for words, reason in zip(("64x64", "77", "scores of 1"), reasons.values(), strict=True):
        assert words in reason
    waiting = {row.observation for row in shift.catalogue.label_tasks.pending()}
    assert waiting == set(asked[:3]), "they can be labelled again"
    learned, kept_back = shift.line.cycle.labeller.split(novelty, frames, labels)
    assert {item.id for item in (*learned, *kept_back)} == set(asked[3:])
    shift.close()


def test_a_label_for_a_frame_that_nobody_asked_about_is_rejected(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    given = shift.person.annotate

    def annotate(tasks):
        answers = given(tasks)
        return [replace(answers[0], observation="another"), *answers[1:]]

    shift.person.annotate = annotate
    _, _, labels = labelled(shift)
    assert len(labels) == 11
    (reject,) = shift.catalogue.rejects.list()
    assert reject.thing == "label of another"
    shift.close()


def test_a_cycle_without_any_label_says_so_and_learns_nothing(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.person.annotate = lambda tasks: []
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    with pytest.raises(Conflict, match="none of 12 frames was labelled; its tasks wait"):
        shift.line.learn(novelty)
    assert len(shift.catalogue.label_tasks.pending(novelty.id)) == 12
    assert len(shift.catalogue.decks.list()) == 1
    assert shift.line.champion == shift.champion.id
    assert shift.line.ready() == [], "no more is asked for while its tasks wait"
    tasks = shift.catalogue.label_tasks.pending(novelty.id)
    given = [Label(t.observation, shift.person.truth[t.observation], "late", START) for t in tasks]
    assert shift.line.answer(given[:11]) == 11
    assert shift.line.ready() == [], "one is still to come"
    nobody = replace(given[11], observation="another")
    wrong = replace(given[11], truth=replace(given[11].truth, labels=given[11].truth.labels + 70))
    assert shift.line.answer([nobody, wrong, given[11]]) == 1
    reasons = [row.reason for row in shift.catalogue.rejects.list()]
    assert reasons[0] == "nobody asked for it"
    assert len(reasons) == 2
    shift.person.annotate = None
    (ready,) = shift.line.ready()
    outcome = shift.line.learn(ready)
    assert (outcome.novelty.id, outcome.novelty.name) == (novelty.id, "triangle")
    assert outcome.labels == 12
    learned = {item.id for item in outcome.deck.items if item.source == novelty.id}
    assert len(learned) == 8
    assert learned < {task.observation for task in tasks}
    assert shift.line.ready() == [], "each label is used once"
    shift.close()


def test_a_name_is_not_given_by_labels_of_which_none_could_be_used(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)

    def opens(tasks):
        for robot in ("a", "b"):
            ticket = Ticket(
                f"t-{robot}", f"camera-{robot}", f"robot-{robot}", "defocus", START, START
            )
            shift.catalogue.tickets.put(replace(ticket, closed=shift.now))

    shift.person.before = opens
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    with pytest.raises(Conflict, match="nothing to learn from"):
        shift.line.learn(novelty)
    kept = shift.catalogue.novelties.get(novelty.id)
    assert (kept.name, kept.kind) == (novelty.name, None)
    assert shift.line.ready() == []
    shift.close()


def test_a_refused_try_leaves_one_open_slice_which_the_next_try_goes_on_from(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    novelty, frames, labels = labelled(shift)
    cycle = shift.line.cycle
    _, first = cycle.labeller.split(novelty, frames[:6], labels[:6])
    assert set(cycle.builder.freeze(novelty, first).items) == set(first)
    _, second = cycle.labeller.split(novelty, frames, labels)
    part = cycle.builder.freeze(novelty, second)
    assert {item.id for item in first} <= {item.id for item in part.items}
    mine = [p for p in shift.catalogue.slices.list() if p.novelty == novelty.id]
    assert mine == [part]
    assert part not in shift.catalogue.slices.list(frozen_only=True)
    other = cycle.judge(shift.champion, shift.champion.id, None)
    assert {score.slice for score in other.slices} == {"base"}, "no one else is held to it"
    shift.close()


def test_a_frame_taken_under_an_open_ticket_never_enters_a_deck(tmp_path, untrained):
    """The ticket opens while a person labels, and says that the fault began long before."""
    shift = Shift(tmp_path / "w", untrained)

    def opens(tasks):
        began, now = START + 6 * EVERY, shift.now
        shift.catalogue.tickets.put(Ticket("t-1", "camera-a", "robot-a", "defocus", began, now))

    shift.person.before = opens
    novelty, frames, labels = labelled(shift)
    barred = shift.catalogue.observations.quarantined([frame.id for frame in frames])
    assert barred
    learned, kept_back = shift.line.cycle.labeller.split(novelty, frames, labels)
    part = shift.line.cycle.builder.freeze(novelty, kept_back)
    deck = shift.line.cycle.build(novelty, learned)
    assert not barred & {item.id for item in (*deck.items, *part.items)}
    assert len(learned) + len(kept_back) == 12 - len(barred)
    (row,) = shift.catalogue.audit.list(action="quarantined")
    assert set(row.detail["frames"]) == barred
    shift.close()


def test_a_second_slice_of_the_same_kind_gets_a_number(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    novelty, frames, labels = labelled(shift)
    _, kept_back = shift.line.cycle.labeller.split(novelty, frames, labels)
    named = replace(novelty, name="base")
    assert shift.line.cycle.builder.freeze(named, kept_back).name == "base 2"
    shift.close()


def test_history_is_what_was_learned_before_without_what_judges(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    assert {item.id for item in shift.line.cycle.builder.history()} == {
        f"drawn-{k}" for k in range(20, 28)
    }
    both = keep_labelled(shift.workspace, (draw(k) for k in (3, 40, 20)), "history")
    shift.catalogue.decks.put(build_deck(both, taxonomy=BASE, recipe=Recipe(), seed=1))
    ids = [item.id for item in shift.line.cycle.builder.history()]
    assert sorted(ids) == sorted({f"drawn-{k}" for k in (*range(20, 28), 40)}), "3 is in the slice"
    shift.close()


KILLED = Learning(steps=40, batch=1, threads=1, replay=4)


def test_what_a_refused_challenger_was_taught_may_be_replayed_to_the_next(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    refused, fresh = (
        keep_labelled(shift.workspace, (draw(k, kinds) for k in range(start, start + 4)), "new")
        for start, kinds in ((40, (TRIANGLE, 2, 1)), (60, (1, 2, 1)))
    )
    shift.catalogue.decks.put(build_deck(refused, taxonomy=ALL, recipe=Recipe(), seed=0))
    deck = shift.line.cycle.builder.build(fresh)
    assert {item.id for item in refused} & {item.id for item in deck.items}
    assert TRIANGLE in {kind.id for kind in deck.taxonomy}, "its labels can be learned from"
    assert shift.line.cycle.train(deck).deck == deck.id
    shift.close()


def test_history_is_without_what_a_later_ticket_says_was_taken_with_a_fault(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    learned = {i.id for i in shift.line.learn(novelty).deck.items if i.source == novelty.id}
    assert learned & {item.id for item in shift.line.cycle.builder.history()} == learned
    ticket = Ticket("t-1", "camera-a", "robot-a", "defocus", START, shift.now)
    shift.catalogue.tickets.put(ticket)
    left = {item.id for item in shift.line.cycle.builder.history()} & learned
    cameras = {shift.catalogue.observations.get(id).camera for id in left}
    assert cameras == {"camera-b"}
    shift.close()


def deck_to_train(shift):
    items = keep_labelled(shift.workspace, (draw(k, (3, 2)) for k in range(60, 64)), "new")
    deck = build_deck(items, taxonomy=ALL, recipe=Recipe(), seed=0, parent=shift.champion.id)
    shift.catalogue.decks.put(deck)
    return deck


@pytest.mark.slow
def test_a_training_killed_in_the_middle_goes_on_and_ends_with_the_same_model(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, learning=KILLED)
    jobs, checkpoints = (shift.workspace.folder / name for name in ("jobs", "checkpoints"))
    deck = deck_to_train(shift)
    shutil.copytree(shift.workspace.folder, tmp_path / "calm")

    def kill():
        deadline = time.monotonic() + 120
        while not any(checkpoints.glob("[!.]*")):
            assert time.monotonic() < deadline, "no checkpoint was written"
            time.sleep(0.005)
        os.kill(int(next(jobs.glob("train-*/pid")).read_text()), signal.SIGKILL)

    shift.line.cycle._world = replace(shift.line.cycle._world, meanwhile=kill)
    with pytest.raises(JobFailed, match="it was killed"):
        shift.line.cycle.train(deck)
    shift.line.cycle._world = replace(shift.line.cycle._world, meanwhile=lambda: None)
    resumed = shift.line.cycle.train(deck)
    progress = next(jobs.glob("train-*/progress.jsonl")).read_text().splitlines()
    assert len(progress) == 15, "the last 15 of 40 steps, from the checkpoint at 25"

    with Workspace.open(tmp_path / "calm") as calm:
        executor = InlineExecutor()
        job = executor.submit(
            "januscl.line.jobs:train_challenger",
            {
                "workspace": str(calm.folder),
                "deck": deck.id,
                "strategy": KILLED.strategy,
                "settings": {"steps": 40, "batch": 1, "seed": 0, "threads": 1},
            },
            key="calm",
        )
        assert executor.wait(job)["model"] == resumed.id
    again = shift.line.cycle.train(deck)
    assert again.id == resumed.id, "what was trained is not trained twice"
    shift.close()


def test_a_training_that_outlived_its_line_is_taken_over(tmp_path, untrained):
    """The line dies after it gave the job; a new one, later, asks for the same training."""
    learning = replace(KILLED, steps=2)
    shift = Shift(tmp_path / "w", untrained, learning=learning)
    deck = deck_to_train(shift)

    class LineDied(BaseException):
        pass

    def die():
        raise LineDied

    shift.line.cycle._world = replace(shift.line.cycle._world, meanwhile=die)
    with pytest.raises(LineDied):
        shift.line.cycle.train(deck)
    shift.now += EVERY
    shift.line.cycle._world = replace(shift.line.cycle._world, meanwhile=lambda: None)
    assert shift.line.cycle.train(deck).deck == deck.id
    assert len(list((shift.workspace.folder / "jobs").glob("train-*"))) == 1
    shift.close()
