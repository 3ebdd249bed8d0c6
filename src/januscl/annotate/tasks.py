"""Label tasks, and the checks that a label passes before anything learns from it."""

import numpy as np

from januscl.core import InvalidInput, Label, LabelTask, Observation, Taxonomy, decode_mask
from januscl.core.masks import check_sizes
from januscl.core.wire import digest_of


def make_task(observation: Observation, novelty: str | None = None) -> LabelTask:
    """Return the task to label an observation's frame, with what the model saw as proposals.

    The same observation for the same novelty is the same task, under the same id.

    Args:
        observation: The frame and the model's instances.
        novelty: Id of the novelty that the label is for; None for an ordinary frame.
    """
    id = "t-" + digest_of([observation.id, novelty])[:16]
    return LabelTask(id, observation.id, novelty, observation.frame.image, observation.instances)


def validate_label(label: Label, size: tuple[int, int], taxonomy: Taxonomy) -> None:
    """Check a label that came in from outside.

    Masks may overlap at their edges, as drawn ones do. In decks the later mask is on top, so one
    that later masks hide wholly is an error of the drawing.

    Args:
        label: The label.
        size: Rows and columns of the picture.
        taxonomy: The kinds that it may name; none that is retired.

    Raises:
        InvalidInput: A mask has another size, is empty or is hidden; a class id is unknown or
            retired; a score is not 1.
    """
    thing = f"label of {label.observation} by {label.annotator}"
    truth = label.truth
    check_size(label, size)
    taxonomy.check_labels(truth.labels.tolist(), thing)
    retired = {kind.id for kind in taxonomy if kind.retired} & set(truth.labels.tolist())
    if retired:
        raise InvalidInput(
            thing, "kinds in use", f"the retired {sorted(retired)}", "Choose a kind in use."
        )
    if (truth.scores != 1).any():
        raise InvalidInput(
            thing, "scores of 1", f"{truth.scores[:8]}", "A label is certain; accept or redraw."
        )
    above = np.zeros(size, dtype=np.bool_)
    for index in reversed(range(len(truth))):
        mask = decode_mask(truth.masks[index])
        if not (mask & ~above).any():
            raise InvalidInput(
                f"mask {index} of the {thing}",
                "pixels that no later mask covers",
                f"{truth.masks[index].area} pixels, all hidden or none",
                "Remove it, or mend the mask that lies on it.",
            )
        above |= mask


def check_size(label: Label, size: tuple[int, int]) -> None:
    """Raise `InvalidInput` when a mask of the label has not the picture's rows and columns."""
    check_sizes(
        label.truth.masks,
        size,
        f"the label of {label.observation} by {label.annotator}",
        "The label belongs to another picture, or to this one at another size.",
    )
