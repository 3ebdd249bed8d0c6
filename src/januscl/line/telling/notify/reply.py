"""How a target answered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """What became of one attempt to send.

    Attributes:
        taken: The target has it.
        text: How it answered, in words without any secret.
        refused: It answered that it does not want this very notice; trying for a whole day would
            only hold up the next ones.
        wait: Seconds that it asked to be left alone; 0 where it did not.
    """

    taken: bool
    text: str
    refused: bool = False
    wait: float = 0.0
