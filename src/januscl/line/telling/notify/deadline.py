"""A bound on calls that know none: looking up a name, a whole exchange with a mail server."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """Return what a call returns, or raise what it raises.

    Args:
        seconds: That it may take.
        act: The call. Nothing ends it: late, it goes on in a thread that no process waits for, and
            what it returns is ignored.

    Raises:
        TimeoutError: It takes longer.
    """
    returned, raised = list[Result](), list[BaseException]()

    def run() -> None:
        try:
            returned.append(act())
        except BaseException as error:
            raised.append(error)

    thread = Thread(target=run, name="notify attempt", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not returned:
        raise TimeoutError(f"no end within {seconds:g} s")
    return returned[0]
