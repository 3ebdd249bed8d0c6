"""What a model must show before it drives a robot."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from januscl.core import Image, InvalidInput, SegmentationModel


def predicts(images: Sequence[Image]) -> Callable[[SegmentationModel], None]:
    """Return a self-test: the model sees something valid in each of some kept images.

    What it returns raises where `predict` raises, answers for another number of images, with
    masks of another size or with NaN, and passes silently else.

    Args:
        images: ``(H, W, 3) uint8`` RGB each, such as the last frames of each camera.

    Raises:
        InvalidInput: There are no images, so the test could not fail.
    """
    if not images:
        raise InvalidInput("images of the self-test", "one or more", "none", "Keep a frame.")
    kept = [image.copy() for image in images]

    def self_test(model: SegmentationModel) -> None:
        seen = model.predict(kept)
        if len(seen) != len(kept):
            raise InvalidInput(
                "the model's answer", f"{len(kept)} instances", f"{len(seen)}", "Train it again."
            )
        for image, instances in zip(kept, seen, strict=True):
            replace(instances)  # made anew, its numbers are checked again
            sizes = {(mask.height, mask.width) for mask in instances.masks}
            if sizes - {image.shape[:2]}:
                raise InvalidInput(
                    "masks of the self-test",
                    f"size {image.shape[:2]}",
                    f"{sorted(sizes)}",
                    "The model answers at another size than the image's; train it again.",
                )

    return self_test
