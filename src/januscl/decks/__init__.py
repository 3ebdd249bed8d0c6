"""Decks and slices: what a model is trained on and judged by, fixed for ever.

Owns: content-addressed decks, the choice of what is replayed, frozen slices, the difference of two
decks, and augmentation on one id map per picture. May call: `januscl.core`, numpy and OpenCV;
opens no store and no file. Moves nothing.
"""

from januscl.decks.augment import Augmenter
from januscl.decks.compare import DeckDiff, DeckSummary, describe, diff
from januscl.decks.deck import build_deck, check_deck, without
from januscl.decks.light import colour, colour_matrix, grain, soften
from januscl.decks.recipe import Chance, Recipe, recipe_from_json, recipe_to_json
from januscl.decks.replay import choose_replay
from januscl.decks.scene import (
    Ids,
    Scene,
    ids_of,
    instances_of,
    resize_frame,
    scene_of,
)
from januscl.decks.shape import affine, mirror, mosaic, paste, warp
from januscl.decks.slices import check_disjoint, check_slice, freeze_slice

__all__ = [
    "Augmenter", "Chance", "DeckDiff", "DeckSummary", "Ids", "Recipe", "Scene", "affine",
    "build_deck", "check_deck", "check_disjoint", "check_slice", "choose_replay", "colour",
    "colour_matrix", "describe", "diff", "freeze_slice", "grain", "ids_of", "instances_of",
    "mirror", "mosaic", "paste", "recipe_from_json", "recipe_to_json", "resize_frame",
    "scene_of", "soften", "warp", "without",
]  # fmt: skip
