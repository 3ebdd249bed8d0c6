"""The routes of robots: what they send, how they are, and the models they fetch."""

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from januscl.core import Conflict
from januscl.core.message import MEDIA_TYPE
from januscl.line.access import Act, check
from januscl.line.checking_in import Desk
from januscl.line.intake import (
    Receipt,
    read_json,
    take_batch,
    take_outcomes,
    take_picture,
    take_record,
)
from januscl.service import forms
from januscl.service.errors import Answer, Refused
from januscl.service.gate import House, robot_of, who_may
from januscl.service.room import Room
from januscl.store import TokenRow

_MOST_JSON, _MOST_CHECK_IN = 2 * 2**20, 64 * 2**10
_SENDING = forms.problems(400, 401, 403, 408, 413, 422, 429, 507)


def robot_routes(house: House, desk: Desk, room: Room, most_bytes: int, most: int) -> APIRouter:
    """Return the routes.

    Args:
        house: What the routes share.
        desk: Answers check-ins.
        room: Says whether there is any on the disk.
        most_bytes: Of a body with pictures.
        most: Records or outcomes in one request.
    """
    router = APIRouter(prefix=forms.PREFIX, tags=["robots"])
    inlet = _Inlet(house, room)
    _take_observations(router, inlet, most_bytes, most)
    _take_outcomes(router, inlet, most)
    _take_pictures(router, inlet, most_bytes)
    _answer_check_ins(router, house, desk)
    _give_weights(router, house)
    return router


class _Inlet:
    """Takes in what robots send, one body at a time.

    Args:
        house: What the routes share.
        room: Says whether there is any on the disk.
    """

    def __init__(self, house: House, room: Room) -> None:
        self.workspace, self.sender = house.workspace, who_may(house, Act.SEND)
        self._house, self._room = house, room

    async def take(
        self, what: str, request: Request, most_bytes: int, act: Callable[[bytes], Receipt]
    ) -> Answer:
        """Read a body, keep what it holds by ``act``, and answer with what became of it.

        A catalogue that is busy is no fault of the request's.
        """
        async with self._house.bodies.read(request, most_bytes) as body:

            def keep() -> Receipt:
                self._room.check()
                return act(body)

            try:
                return self._received(what, await run_in_threadpool(keep))
            except Conflict as error:
                raise Refused(
                    429, "catalogue", "one that can be written", str(error),
                    "Send it again later.", 5,
                ) from error  # fmt: skip

    def _received(self, what: str, receipt: Receipt) -> Answer:
        self._house.metrics.taken(what, receipt)
        if self._house.worker is not None:
            self._house.worker.wake()
        rejected = [vars(refusal) for refusal in receipt.rejected]
        return Answer({"accepted": list(receipt.accepted), "rejected": rejected})


def _take_observations(router: APIRouter, inlet: _Inlet, most_bytes: int, most: int) -> None:
    @router.post(
        "/observations",
        response_model=forms.Taken,
        responses=_SENDING | forms.problems(415),
        openapi_extra=forms.OBSERVATIONS,
    )
    async def send_observations(request: Request, token: TokenRow = inlet.sender) -> Response:
        """Take in a batch, or one record as JSON; what is accepted is safe on the disk.

        The same id any number of times is one observation. A record of another robot refuses the
        whole request.
        """
        robot, kind = robot_of(token), _media_type(request)
        if kind not in (MEDIA_TYPE, "application/json"):
            raise Refused(
                415, "Content-Type", f"{MEDIA_TYPE} or application/json", kind[:80] or "none",
                "Say what the body is.",
            )  # fmt: skip
        batch = kind == MEDIA_TYPE

        def take(body: bytes) -> Receipt:
            if batch:
                return take_batch(inlet.workspace, robot, body, most)
            return take_record(inlet.workspace, robot, read_json(body))

        return await inlet.take("observations", request, most_bytes if batch else _MOST_JSON, take)


def _take_outcomes(router: APIRouter, inlet: _Inlet, most: int) -> None:
    @router.post(
        "/outcomes",
        response_model=forms.Taken,
        responses=_SENDING,
        openapi_extra=forms.OUTCOMES,
    )
    async def send_outcomes(request: Request, token: TokenRow = inlet.sender) -> Response:
        """Take in how picks ended; an outcome may come before its observation."""
        robot = robot_of(token)

        def take(body: bytes) -> Receipt:
            return take_outcomes(inlet.workspace, robot, read_json(body), most)

        return await inlet.take("outcomes", request, _MOST_JSON, take)


def _take_pictures(router: APIRouter, inlet: _Inlet, most_bytes: int) -> None:
    @router.put(
        "/observations/{id}/image",
        status_code=204,
        responses=_SENDING,
        openapi_extra=forms.PICTURE,
    )
    async def send_picture(id: str, request: Request, token: TokenRow = inlet.sender) -> Response:
        """Take in the JPEG or PNG of an observation that was sent without it."""
        robot = robot_of(token)

        def take(body: bytes) -> Receipt:
            take_picture(inlet.workspace, robot, id, body)
            return Receipt((id,), ())

        await inlet.take("pictures", request, most_bytes, take)
        return Response(status_code=204)


def _answer_check_ins(router: APIRouter, house: House, desk: Desk) -> None:
    sender = who_may(house, Act.SEND)

    @router.post(
        "/robots/{robot}/check-in",
        response_model=forms.CheckedIn,
        responses=_SENDING,
        openapi_extra=forms.CHECK_IN,
    )
    async def check_in(robot: str, request: Request, token: TokenRow = sender) -> Response:
        """Keep how a robot is; say which model it should run and what is wanted of it."""
        check(token, Act.SEND, robot)
        async with house.bodies.read(request, _MOST_CHECK_IN) as body:
            return Answer(await run_in_threadpool(lambda: desk.check_in(robot, read_json(body))))


def _give_weights(router: APIRouter, house: House) -> None:
    workspace, models = house.workspace, dict[str, Path]()
    fetcher = who_may(house, Act.FETCH)

    @router.get(
        "/models/{id}/weights",
        response_class=FileResponse,
        responses={
            200: {"content": {"application/octet-stream": {"schema": {"format": "binary"}}}},
            206: {"description": "The part that `Range` asked for."},
            **forms.problems(400, 401, 403, 404, 416, 422, 429),
        },
    )
    def fetch_weights(id: str, token: TokenRow = fetcher) -> Response:
        """Return the safetensors file of a model version, or the part that `Range` names."""
        digest = workspace.catalogue.models.get(id).weights
        if digest not in models:
            models[digest] = workspace.model_file(digest)
        headers = {"ETag": f'"{digest}"', "Cache-Control": "private, immutable"}
        return FileResponse(models[digest], headers=headers, media_type="application/octet-stream")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
