"""Where nobody answers at once: label tasks that wait in the workspace."""

from collections.abc import Sequence

from januscl.core import Label, LabelTask


class Waiting:
    """An annotator that answers nothing: its tasks wait for someone who does."""

    name = "nobody"

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        """Return no label."""
        return []
