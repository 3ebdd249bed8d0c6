"""What the next steps need, made while the device is busy with this one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def ahead(make: Callable[[int], Made], numbers: Iterable[int], threads: int) -> Iterator[Made]:
    """Yield what ``make`` returns for each number, in order.

    Args:
        make: Depends on its number alone, and may be called from several threads.
        numbers: Of the steps.
        threads: That make up to twice as many beforehand; with 0 each is made when it is asked
            for, which leaves the processor to a network that runs on it.
    """
    if not threads:
        yield from map(make, numbers)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        waiting: deque[Future[Made]] = deque()
        for number in numbers:
            waiting.append(pool.submit(make, number))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
