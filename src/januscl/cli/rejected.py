"""What of a set was left out, told on standard error whatever else is printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from januscl.cli.output import errors

if TYPE_CHECKING:
    from januscl.annotate import CocoPicture, Reject

_SHOWN = 3


def first_reasons(rejects: Sequence["Reject"]) -> str:
    """Return what was rejected and why, the first three of it, for an error's last words."""
    told = [f"{reject.thing}: {reject.reason.rstrip('.')}." for reject in rejects[:_SHOWN]]
    more = len(rejects) - len(told)
    return " ".join([*told, f"And {more} more."] if more else told)


def tell_rejects(rejects: Sequence["Reject"]) -> None:
    """Say on standard error how much was left out of a set, and the first reasons."""
    if not rejects:
        return
    errors.print(f"{len(rejects)} left out:", markup=False, highlight=False)
    for reject in rejects[:_SHOWN]:
        errors.print(f"  {reject.thing}: {reject.reason}", markup=False, highlight=False)
    if len(rejects) > _SHOWN:
        errors.print(f"  and {len(rejects) - _SHOWN} more", markup=False, highlight=False)


def tell_copies(copies: Sequence["CocoPicture"]) -> None:
    """Say on standard error which copies of photographs are not streamed."""
    if not copies:
        return
    names = ", ".join(picture.id for picture in copies[:_SHOWN])
    more = ", ..." if len(copies) > _SHOWN else ""
    errors.print(
        f"{len(copies)} not streamed, as copies of photographs that are used: {names}{more}",
        markup=False, highlight=False,
    )  # fmt: skip
