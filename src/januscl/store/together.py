"""Messages that come at the same time and share one commit, for the price of one."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

Message = tuple[str, str, bytes]
"""Robot, kind and bytes."""

_AT_ONCE = 16 * 2**20


@dataclass(eq=False)
class _Waiting:
    message: Message
    id: int | None = None
    error: BaseException | None = field(default=None, repr=False)


class Together:
    """Keeps messages of many threads: while one commit is under way, the next ones gather.

    Args:
        keep: Keeps several messages, all or none, and returns their ids.
    """

    def __init__(self, keep: Callable[[Sequence[Message]], Sequence[int]]) -> None:
        self._keep = keep
        self._gathering, self._committing = Lock(), Lock()
        self._waiting = deque[_Waiting]()

    def put(self, message: Message) -> int:
        """Keep a message and return its id; raises what keeping it alone would."""
        mine = _Waiting(message)
        with self._gathering:
            self._waiting.append(mine)
        # Whoever comes in next keeps all that wait, so one's own may be kept by then.
        while mine.id is None and mine.error is None:
            with self._committing:
                if mine.id is None and mine.error is None:
                    self._commit(self._some())
        if mine.error is not None:
            raise mine.error
        assert mine.id is not None, "it was kept, or it failed"
        return mine.id

    def _some(self) -> list[_Waiting]:
        """Take the first of those that wait; a commit of too many bytes would hold up others."""
        with self._gathering:
            taken = [self._waiting.popleft()]
            size = len(taken[0].message[2])
            while self._waiting and size + len(self._waiting[0].message[2]) <= _AT_ONCE:
                taken.append(self._waiting.popleft())
                size += len(taken[-1].message[2])
            return taken

    def _commit(self, taken: list[_Waiting]) -> None:
        try:
            ids = self._keep([one.message for one in taken])
        except BaseException as error:
            if len(taken) == 1:
                taken[0].error = error
                return
            for one in taken:  # what is wrong with one is no fault of the others
                self._commit([one])
            return
        for one, id in zip(taken, ids, strict=True):
            one.id = id
