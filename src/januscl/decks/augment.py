"""Augmentation: a frame and a generator in, another frame of the same size out.

The order is fixed: compose, move, colour, blur, noise. Each picture is moved by one warp of its
image and one of its id map, and coloured in one pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from januscl.core import Image, LabelledFrame
from januscl.decks.light import colour, colour_matrix, grain, soften
from januscl.decks.recipe import Recipe
from januscl.decks.scene import Scene, instances_of, scene_of
from januscl.decks.shape import affine, mirror, mosaic, paste, warp


@dataclass(frozen=True)
class Augmenter:
    """Draws variants of labelled frames by a recipe.

    Call it with all frames, the index of the one to vary and a generator, which is the only
    source of chance. The other frames lend what mosaic and copy-paste need. The variant has the
    size and the id of the frame; its truth is what can still be seen, in at least
    ``recipe.min_pixels`` pixels. Where masks of the input overlap, the later one is on top.
    A variant in which nothing moved keeps the truth of its frame untouched.
    """

    recipe: Recipe

    def __call__(
        self, frames: Sequence[LabelledFrame], index: int, rng: np.random.Generator
    ) -> LabelledFrame:
        """Return a variant of ``frames[index]``; the inputs stay as they are."""
        frame = frames[index]
        before = scene_of(frame)
        scene = self.move(self.compose(before, frames, rng), rng)
        # A composition that drew nothing returns the scene that it was given.
        truth = (
            frame.truth
            if scene is before
            else instances_of(scene.ids, scene.labels, self.recipe.min_pixels)
        )
        return LabelledFrame(frame.id, self.light(scene.image, rng), truth)

    def compose(
        self, scene: Scene, frames: Sequence[LabelledFrame], rng: np.random.Generator
    ) -> Scene:
        """Return the scene after mosaic and copy-paste with other frames."""
        if rng.random() < self.recipe.mosaic:
            others = [scene_of(frames[int(i)]) for i in rng.integers(len(frames), size=3)]
            height, width = scene.ids.shape
            row, column = rng.uniform(0.3, 0.7, 2)
            split = (round(row * height), round(column * width))
            dealt = [[scene, *others][int(i)] for i in rng.permutation(4)]
            scene = mosaic((height, width), dealt, split, rng.random((4, 2)))
        count = self.recipe.paste.draw(rng)
        if count is None:
            return scene
        donor = scene_of(frames[int(rng.integers(len(frames)))])
        seen = np.unique(donor.ids)
        rows = seen[seen > 0].astype(np.int64) - 1
        if rows.size == 0:
            return scene
        height, width = scene.ids.shape
        for row in rng.choice(rows, min(round(count), rows.size), replace=False):
            at = (int(rng.integers(width)), int(rng.integers(height)))
            scene = paste(scene, donor, int(row), at)
        return scene

    def move(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene after flips, zoom and rotation."""
        across, down = rng.random(2) < (self.recipe.flip, self.recipe.flip_vertical)
        zoom, degrees = self.recipe.zoom.draw(rng), self.recipe.rotate.draw(rng)
        share = rng.uniform(-0.5, 0.5, 2)
        scene = mirror(scene, bool(across), bool(down))
        if zoom is None and degrees is None:
            return scene
        zoom = 1.0 if zoom is None else zoom
        height, width = scene.ids.shape
        # A shrunken picture may lie anywhere in the frame, a window anywhere in an enlarged one.
        room = abs(1 - zoom)
        shift = (float(share[0] * room * width), float(share[1] * room * height))
        return warp(scene, affine((height, width), zoom, degrees or 0.0, shift))

    def light(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the picture ``(H, W, 3) uint8`` after colour, blur and noise."""
        recipe = self.recipe
        brightness, hue = recipe.brightness.draw(rng), recipe.hue.draw(rng)
        saturation = recipe.saturation.draw(rng)
        gains = [recipe.gains.value(float(share)) for share in rng.random(3)]
        tinted = rng.random() < recipe.gains.probability
        if tinted or any(value is not None for value in (brightness, hue, saturation)):
            matrix = colour_matrix(
                1.0 if brightness is None else brightness,
                (gains[0], gains[1], gains[2]) if tinted else (1.0, 1.0, 1.0),
                hue or 0.0,
                1.0 if saturation is None else saturation,
            )
            image = colour(image, matrix)
        blur, noise = recipe.blur.draw(rng), recipe.noise.draw(rng)
        if blur is not None:
            image = soften(image, blur)
        if noise is not None:
            image = grain(image, noise, rng)
        return image
