"""How the process asks the system for memory."""

from contextlib import suppress
from ctypes import CDLL

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""


def share_arenas() -> None:
    """Let all threads that begin from now on allocate from two arenas.

    Threads of a server, and those of Lance, allocate by turns: with an arena each, as glibc gives
    them, memory is held in many halves, and grows for hours.
    """
    with suppress(AttributeError):  # of glibc alone
        CDLL(None).mallopt(_ARENA_MAX, 2)
