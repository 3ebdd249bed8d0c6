"""What the report is told of a workspace: names, tickets, novelties, verdicts, releases."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from line_scenes import ALL, START, draw

from januscl.core import (
    Answer,
    Cell,
    Cost,
    Frame,
    LabelledFrame,
    Novelty,
    NoveltyState,
    Observation,
    Outcome,
    Pick,
    Release,
    SliceScore,
    Stage,
    StageReport,
    Ticket,
    Verdict,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line import telling
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled
from januscl.line.report import Limits
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel

MINUTE = timedelta(minutes=1)


class Site:
    """A workspace with models, decks and slices made by hand."""

    def __init__(self, folder, trained):
        self.trained = trained.grown(ALL)
        self.workspace = Workspace.open(folder)
        self.catalogue = self.workspace.catalogue
        self.shelf = Shelf(self.workspace)
        self.judge = Judge(self.workspace, self.shelf)
        self.parent = None

    def kept(self, first, source):
        frames = (draw(first + k, (3, 1, 2)) for k in range(3))
        return keep_labelled(
            self.workspace,
            (LabelledFrame(f"{source}-{f.id}", f.image, f.truth) for f in frames),
            source,
        )

    def slice(self, name, first, source, novelty=None):
        part = freeze_slice(name, self.kept(first, source), novelty)
        self.catalogue.slices.put(part)
        return part

    def model(self, seed, source=None, **card):
        deck = None
        if source is not None:
            deck = build_deck(
                self.kept(1000 * seed, source), taxonomy=ALL, recipe=Recipe(), seed=seed,
                parent=self.parent,
            )  # fmt: skip
            self.catalogue.decks.put(deck)
        return self.add(seed, deck and deck.id, **card)

    def add(self, seed, deck, **card):
        model = self.trained.towards(CompactModel.new(ALL, 64, seed), 1 - 0.05 * seed)
        made = self.shelf.add(
            model, START + seed * MINUTE, parent=self.parent, deck=deck, card=card
        )
        self.parent = self.parent or made.id
        return made

    def novelty(self, id, name, state, expected, first=0):
        seen = START + first * MINUTE
        made = Novelty(id, name, state, seen, seen, 20, ("r",), Cost(expected, 0, 2 * expected))
        self.catalogue.novelties.put(made)
        return made


@pytest.fixture
def site(tmp_path, trained):
    made = Site(tmp_path / "w", trained)
    yield made
    made.workspace.close()


def test_a_model_is_called_by_what_it_learned_last_and_no_two_are_called_the_same(site):
    site.slice("base", 0, "history")
    factory = site.model(1, name="factory")
    site.slice("bag", 10, "n-1", "n-1")
    first = site.model(2, "n-1")
    site.slice("bag 2", 20, "n-2", "n-2")
    other = site.model(3, "n-2")
    site.slice("bag 3", 30, "n-1", "n-1")
    again = site.model(4, "n-1")
    tempered = site.add(5, again.deck, tempered=0.7)
    careless = site.model(6, "mislabelled")
    twin = site.model(7, "mislabelled")
    assert telling.model_names(site.workspace, {careless.id: "the careless one"}) == {
        factory.id: "factory model",
        first.id: "bag model",
        other.id: "bag 2 model",
        again.id: "bag 3 model",
        tempered.id: "bag 3 model, tempered to 70%",
        careless.id: "the careless one",
        twin.id: "mislabelled model",
    }


def test_novelties_of_one_name_are_told_apart_by_their_slices(site):
    site.novelty("n-1", "bag", NoveltyState.CLOSED, 9)
    site.novelty("n-2", "bag", NoveltyState.COLLECTING, 30, first=5)
    site.novelty("n-3", "novelty-7", NoveltyState.COLLECTING, 2, first=9)
    site.slice("bag", 10, "n-1", "n-1")
    site.slice("bag 2", 20, "n-2", "n-2")
    assert telling.novelty_names(site.workspace) == {
        "n-1": "bag", "n-2": "bag 2", "n-3": "novelty-7"
    }  # fmt: skip
    cards = telling.novelty_cards(site.workspace, lambda _: ())
    assert [(card.rank, card.name) for card in cards] == [
        (1, "bag 2"),
        (2, "bag"),
        (3, "novelty-7"),
    ]
    assert cards[0].cost == "30 lost picks a day (0 to 60)"


def test_what_never_rose_or_was_dismissed_is_one_line_but_what_was_learned_has_its_card(site):
    site.novelty("n-1", "novelty-1", NoveltyState.NEW, 3)
    site.novelty("n-2", "novelty-2", NoveltyState.DISMISSED, 40)
    site.novelty("n-3", "novelty-3", NoveltyState.COLLECTING, 0.2)
    site.novelty("n-4", "bag", NoveltyState.DISMISSED, 0)
    site.slice("bag", 10, "n-4", "n-4")
    assert [novelty.id for novelty in telling.risen(site.workspace)] == ["n-4"]
    assert len(telling.quiet(site.workspace)) == 3
    assert "novelty-1 (new), 20 instances, 3 lost picks a day (0 to 6)" in telling.quiet(
        site.workspace
    )


def test_a_novelty_that_came_back_tells_when_it_was_closed(site):
    site.novelty("n-1", "bag", NoveltyState.COLLECTING, 9)
    assert telling.closed_at(site.workspace, site.catalogue.novelties.get("n-1")) is None
    for at in (10, 50):
        site.catalogue.audit.record(
            "line", "novelty.closed", "n-1", {"name": "bag"}, START + at * MINUTE
        )
    (card,) = telling.novelty_cards(site.workspace, lambda _: ())
    assert card.closed == START + 50 * MINUTE
    assert card.came_back


def test_a_ticket_tells_who_mended_the_camera_and_how_janus_knew(site):
    image = np.zeros((64, 64, 3), np.uint8)
    for k in range(20):
        frame = Frame(image, "cam", "robot", START + k * MINUTE)
        seen = Observation(f"o-{k:02}", frame, draw(0, (1,)).truth, "m")
        site.workspace.keep(seen, pixels=False)
    opened = Ticket("t", "cam", "robot", "defocus", START + 3 * MINUTE, START + 6 * MINUTE)
    site.catalogue.tickets.put(opened)
    (card,) = telling.ticket_cards(site.workspace, "Ann")
    assert "sure after 4 bad pictures and called Ann at " in card.told
    assert "does not see as it did yet" in card.told
    site.catalogue.tickets.put(replace(opened, closed=START + 11 * MINUTE))
    site.catalogue.audit.record("triage", "ticket.closed", "t", {}, START + 15 * MINUTE)
    (card,) = telling.ticket_cards(site.workspace, "Ann")
    well, knew = START + 11 * MINUTE, START + 15 * MINUTE
    assert f"Its 5 pictures from {well:%H:%M} to {knew:%H:%M} were like its own" in card.told
    assert "so Janus closed the ticket" in card.told


def score(name):
    return SliceScore(name, 3, 0.5, 0.5, 0.0, -0.01, 0.01, 0.03)


def test_the_limits_told_are_those_that_the_gate_asked_of_each_slice(site):
    base = site.slice("base", 0, "history")
    factory = site.model(1, name="factory")
    site.slice("bag", 10, "n-1", "n-1")
    challenger = site.model(2, "n-1")
    slices = site.catalogue.slices.list()
    verdict = site.judge.verdict(challenger.id, factory.id, slices, "bag", seed=0)
    site.catalogue.verdicts.add(challenger.id, factory.id, verdict, START)
    (card,) = telling.verdict_cards(site.workspace, site.judge)
    assert (card.title, card.against) == ("bag model", "factory model")
    told = dict(zip((s.slice for s in verdict.slices), card.limits, strict=True))
    assert told["bag"] == Limits(0.02, 0.0, 0.02, target=True)
    floor = site.judge.ap(factory.id, base)
    assert told["base"] == Limits(pytest.approx(-0.01), -0.03, -0.01, floor)


def test_a_slice_that_was_better_once_is_held_to_that_and_a_careless_model_has_no_target(site):
    base = site.slice("base", 0, "history")
    site.slice("bag", 10, "n-1", "n-1")
    models = [site.model(1, name="factory")]
    site.parent = models[0].id
    models.append(site.model(8, "n-1"))
    site.parent = models[1].id
    careless = site.model(3, "mislabelled")
    best, now = (site.judge.ap(model.id, base) for model in models)
    assert best > now, "the second champion lost some of the base"
    scores = (replace(score("base"), champion=now), score("bag"))
    site.catalogue.verdicts.add(
        careless.id, models[1].id, Verdict(Answer.FAIL, ("no",), scores), START
    )
    (card,) = telling.verdict_cards(site.workspace, site.judge)
    assert card.limits[0].floor == best
    assert card.limits[0].measured == pytest.approx(best - 0.01 - now)
    assert not any(limits.target for limits in card.limits)
    (untold,) = telling.verdict_cards(site.workspace)
    assert untold.limits[0] == Limits(-0.01, -0.03, -0.01)


@pytest.mark.parametrize(
    ("stage", "reasons", "picks", "ending"),
    [
        (Stage.DONE, ("It fails more often: no.",), 40, ""),
        (Stage.ROLLED_BACK, ("The challenger failed.", "It fails more often: yes."), 40, "harm"),
        (Stage.STOPPED, ("Perhaps.", "It stayed undecided too long."), 40, "undecided"),
        (Stage.ROLLED_BACK, ("spare parts are late",), 0, "outside"),
    ],
)
def test_a_release_that_was_held_back_tells_whether_harm_was_shown(stage, reasons, picks, ending):
    report = StageReport(Stage.BETA, Answer.FAIL, reasons, picks, 0, picks, 0)
    release = Release("r", "m-2", "m-1", None, ("a",), stage, START, (report,))
    assert telling.ending(release) == ending


def test_the_timeline_shows_the_share_of_failed_picks_and_says_over_how_long(site):
    truth = draw(0, (1,)).truth
    for k in range(40):
        at = START + 10 * k * MINUTE
        outcome = Outcome.MISSED if k >= 20 else Outcome.PICKED
        frame = Frame(np.zeros((64, 64, 3), np.uint8), "cam", "robot", at)
        seen = Observation(f"o-{k:02}", frame, truth, "m", Pick(0, (9.0, 9.0), outcome, at))
        site.workspace.keep(seen, pixels=False)
    site.novelty("n-1", "bag", NoveltyState.COLLECTING, 9, first=30)
    told = {"scope": "fleet", "began": START.isoformat(), "signals": ["novelty"]}
    site.catalogue.audit.record("watch", "change.told", "fleet", told, START + 40 * MINUTE)
    day = telling.timeline(site.workspace, [Cell("robot", "cam", "line-a", "s")], ())
    assert "75 minutes" in day.value_name
    (series,) = day.series
    assert (series.name, series.values[0], series.values[-1]) == ("line-a", 0.0, 1.0)
    assert [mark.text for mark in day.marks] == [
        "First seen: bag",
        f"World changed: fleet since {START:%Y-%m-%d %H:%M} (novelty)",
    ]


def test_the_slice_with_the_largest_gain_is_shown_first(site):
    site.slice("base", 0, "history")
    good = site.add(1, None, name="good")
    blind = site.shelf.add(
        CompactModel.new(ALL, 64, 5), START, parent=None, deck=None, card={"name": "blind"}
    )
    parts = site.catalogue.slices.list()
    (part,) = telling.comparisons(site.judge, parts, blind.id, good.id)
    assert part.title == "base"
    assert part.after.found > part.before.found
    assert telling.comparisons(site.judge, parts, good.id, good.id) == ()
