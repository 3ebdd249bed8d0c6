"""What can go wrong between here and where the work is done."""

from januscl.core import JanusError


class Unreachable(JanusError, ConnectionError):
    """Raised when a cluster, a queue or the jobs' place does not answer, or refuses; try again."""
