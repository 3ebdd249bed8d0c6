"""The campaigns that the service runs on this robot: which frames they get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

from januscl.core.message import time_from_json
from januscl.edge.keep import CAMPAIGN

_EVERY_S = 10.0
"""Frames of one campaign lie so far apart, so that they show different piles."""


@dataclass(frozen=True)
class Order:
    """A campaign's order to this robot: frames in all, and the time it ends, seconds UTC."""

    id: str
    quota: int
    expires: float
    next_at: float = float("-inf")


class Campaigns:
    """Open orders and what each has got; safe between threads.

    Args:
        taken: Frames that each campaign got before the process started.
    """

    def __init__(self, taken: Mapping[str, int]) -> None:
        self._lock = Lock()
        self._taken = dict(taken)
        self._orders: dict[str, Order] = {}

    def renew(self, listed: Any) -> None:
        """Take the orders of a check-in's answer; those not in it have ended.

        Raises:
            InvalidInput, KeyError, TypeError, ValueError: The list is not of the wire's form.
        """
        orders = [_order(one) for one in listed]
        with self._lock:
            known = self._orders
            self._orders = {
                new.id: replace(new, next_at=known[new.id].next_at) if new.id in known else new
                for new in orders
            }

    def reasons(self, at: float, utc: float) -> tuple[str, ...]:
        """Return ``campaign:ID`` of each campaign that gets the frame taken now.

        Args:
            at: Seconds of a clock that never jumps.
            utc: Seconds UTC, by the service's clock.
        """
        with self._lock:
            chosen: Sequence[Order] = [
                one
                for one in self._orders.values()
                if one.next_at <= at
                and utc < one.expires
                and self._taken.get(one.id, 0) < one.quota
            ]
            for one in chosen:
                self._orders[one.id] = replace(one, next_at=at + _EVERY_S)
                self._taken[one.id] = self._taken.get(one.id, 0) + 1
            return tuple(CAMPAIGN + one.id for one in chosen)


def _order(value: Any) -> Order:
    expires: datetime = time_from_json(value["expires"], "campaign.expires")
    return Order(str(value["id"]), int(value["quota"]), expires.timestamp())
