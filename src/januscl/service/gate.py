"""The gate: which token a request carries, what it may do, and how often."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from januscl.line.access import Act, Unknown, authenticate, check
from januscl.line.logs import Log
from januscl.service.apart import WorkerApart
from januscl.service.limits import Bodies, Rate
from januscl.service.metrics import Metrics
from januscl.service.worker import Worker
from januscl.store import TokenRow, Workspace

_bearer = HTTPBearer(auto_error=False, description="Made by `janus token create`.")


@dataclass(frozen=True)
class House:
    """What the routes of one app share.

    Attributes:
        worker: None where another process drains the inbox.
    """

    workspace: Workspace
    rate: Rate
    bodies: Bodies
    metrics: Metrics
    log: Log
    worker: Worker | WorkerApart | None


def who_may(house: House, act: Act) -> Any:
    """Return the dependency of a route that gives the token, once it is known to allow an act."""
    return Depends(_judge(house, act))


def _judge(house: House, act: Act) -> Callable[..., TokenRow]:
    def judge(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> TokenRow:
        if given is None:
            raise Unknown("it carries no bearer token")
        token = authenticate(house.workspace.catalogue, given.credentials)
        request.state.token = token.id
        house.rate.take(token.id)
        check(token, act)
        return token

    return judge


def robot_of(token: TokenRow) -> str:
    """Return the robot that a robot's token speaks for."""
    assert token.robot is not None, "a token of role robot names one"
    return token.robot
