"""What the champions kept of history, as the account and the report tell it."""

import pytest
from line_scenes import ALL, START, draw

from januscl.core import LabelledFrame
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.evaluate import backward_transfer, forgetting
from januscl.line import telling
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel


class Site:
    """A workspace in which champions follow one another, each with its deck and its slice."""

    def __init__(self, folder, trained):
        self.trained = trained.grown(ALL)
        self.workspace = Workspace.open(folder)
        self.catalogue = self.workspace.catalogue
        self.shelf = Shelf(self.workspace)
        self.judge = Judge(self.workspace, self.shelf)
        self.models = []

    def kept(self, first, source, kind=3):
        frames = (draw(first + k, (kind, 1, kind, 2)) for k in range(4))
        return keep_labelled(
            self.workspace,
            (LabelledFrame(f"{source}-{f.id}", f.image, f.truth) for f in frames),
            source,
        )

    def slice(self, name, first, source, novelty=None):
        self.catalogue.slices.put(freeze_slice(name, self.kept(first, source), novelty))

    def champion(self, seed, source=None, replayed=()):
        parent = self.models[-1] if self.models else None
        deck = None
        if source is not None:
            deck = build_deck(
                self.kept(1000 * seed, source), replayed, taxonomy=ALL, recipe=Recipe(), seed=seed,
                parent=parent,
            )  # fmt: skip
            self.catalogue.decks.put(deck)
        model = self.trained.towards(CompactModel.new(ALL, 64, seed), 1 - 0.1 * seed)
        made = self.shelf.add(
            model, START, parent=parent, deck=deck and deck.id, card={"seed": seed}
        )
        self.models.append(made.id)
        self.catalogue.aliases.set("champion", made.id)
        return deck

    def retention(self, names=None):
        return telling.retention(self.workspace, self.judge, names or {})


@pytest.fixture
def site(tmp_path, trained):
    made = Site(tmp_path / "w", trained)
    yield made
    made.workspace.close()


def test_a_slice_was_learned_by_the_first_champion_with_something_like_it_in_its_deck(site):
    site.slice("base", 0, "history")
    site.champion(1)
    site.slice("bags", 10, "n-bags", "n-bags")
    bags = site.champion(2, "n-bags")
    site.slice("boxes", 20, "n-boxes", "n-boxes")
    site.champion(3, "n-boxes", replayed=bags.items)
    site.slice("bags 2", 30, "n-bags", "n-bags")
    site.slice("tubes", 40, "n-tubes", "n-tubes")
    told = site.retention({site.models[0]: "factory"})
    assert told.champions == ("factory", *site.models[1:])
    learned = dict(zip(told.slices, told.learned, strict=True))
    assert learned == {"base": 0, "bags": 1, "boxes": 2, "bags 2": 1, "tubes": None}


def test_the_figures_are_those_of_the_matrix_without_what_nobody_has_learned(site):
    site.slice("base", 0, "history")
    site.champion(1)
    site.slice("bags", 10, "n-bags", "n-bags")
    site.slice("tubes", 40, "n-tubes", "n-tubes")
    site.champion(2, "n-bags")
    site.champion(3, "n-boxes")
    told = site.retention()
    slices = {part.name: part for part in site.catalogue.slices.list()}
    assert told.ap == tuple(
        tuple(site.judge.ap(model, slices[name]) for name in told.slices) for model in site.models
    )
    assert len({ap for row in told.ap for ap in row}) > 4, "the models differ"
    known = [told.slices.index(name) for name in ("base", "bags")]
    matrix = [[row[s] for s in known] for row in told.ap]
    assert told.forgetting == forgetting(matrix, [0, 1])
    assert told.backward_transfer == backward_transfer(matrix, [0, 1])
    best, begun = told.since_best, told.since_learned
    tubes = told.slices.index("tubes")
    assert best[tubes] is begun[tubes] is None
    assert sum(best[s] for s in known) / 2 == pytest.approx(-told.forgetting)
    assert sum(begun[s] for s in known) / 2 == pytest.approx(told.backward_transfer)


def test_photographs_that_the_first_training_learned_count_from_there(site):
    site.champion(1)
    site.slice("history", 0, "history")
    site.champion(2, "history")
    assert site.retention() is None, "the base model knew nothing of them"
    site.champion(3, "n-mugs")
    assert site.retention().learned == (1,)


def test_a_single_champion_has_nothing_to_forget(site):
    site.slice("base", 0, "history")
    site.champion(1)
    assert site.retention() is None
