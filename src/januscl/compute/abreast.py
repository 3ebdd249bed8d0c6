"""Work that all workers of a job do abreast."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "januscl_on_every_worker"


def on_every_worker(function: Function) -> Function:
    """Mark a function that a job with several workers calls in each of them, at the same time.

    The workers find each other by torch's process group. What the first of them returns and tells
    of its progress is the job's; if one fails, all do. Any other function, and every function
    where a job has one worker, is called once.
    """
    setattr(function, _MARK, True)
    return function


def for_every_worker(function: Callable[..., Any]) -> bool:
    """Say whether a function bears the mark."""
    return getattr(function, _MARK, False) is True
