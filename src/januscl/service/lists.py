"""The routes of people: what the line knows and does, labels, and tokens."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from januscl.core import Instances, InvalidInput, Kind, Taxonomy
from januscl.core.wire import instances_to_json, taxonomy_to_json
from januscl.line.access import Act, revoke_token
from januscl.line.answering import take_label, task_picture
from januscl.line.checking_in import robots_of
from januscl.line.intake import read_json
from januscl.line.kinds import kinds_of, name_kind
from januscl.service import forms
from januscl.service.errors import Answer
from januscl.service.gate import House, who_may
from januscl.service.room import Room
from januscl.store import Catalogue, TokenRow

_MOST_LABEL, _MOST_KIND = 8 * 2**20, 4096
_PROBLEMS = forms.problems(401, 403, 422, 429)
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many, the latest.")]

_LISTS: Mapping[str, tuple[Act, str, Callable[[Catalogue, int], Iterable[Any]]]] = {
    "tickets": (
        Act.READ, "Faults handed to technicians, oldest first.",
        lambda c, n: c.tickets.list()[-n:],
    ),
    "novelties": (
        Act.READ, "Novelties, those that cost most picks first.",
        lambda c, n: c.novelties.list()[:n],
    ),
    "events": (
        Act.READ, "Observations out of the ordinary, newest first.",
        lambda c, n: c.events.list(limit=n, newest_first=True),
    ),
    "campaigns": (
        Act.READ, "Orders to collect frames, oldest first.",
        lambda c, n: c.campaigns.list()[-n:],
    ),
    "label-tasks": (
        Act.TASKS, "Frames that wait for the truth, oldest first.",
        lambda c, n: c.label_tasks.pending()[:n],
    ),
    "kinds": (
        Act.TASKS, "The kinds that labels may name, under their permanent ids.",
        lambda c, n: list(kinds_of(c))[:n],
    ),
    "robots": (
        Act.READ, "Robots: the model each should run, the one it runs, and how it was last.",
        lambda c, n: robots_of(c)[:n],
    ),
    "decks": (
        Act.READ, "Training decks, oldest first; of their items, how many there are.",
        lambda c, n: [
            {"id": d.id, "parent": d.parent, "seed": d.seed, "recipe": d.recipe,
             "taxonomy": d.taxonomy, "items": len(d.items)}
            for d in c.decks.list()[-n:]
        ],
    ),
    "evaluations": (
        Act.READ, "What the gate said, oldest first.",
        lambda c, n: c.verdicts.list()[-n:],
    ),
    "releases": (
        Act.READ, "Releases and their stages, oldest first.",
        lambda c, n: c.releases.list()[-n:],
    ),
    "models": (
        Act.READ, "Model versions, oldest first.",
        lambda c, n: c.models.list()[-n:],
    ),
    "audit": (
        Act.READ, "The steps of the loop, oldest first.",
        lambda c, n: c.audit.list()[-n:],
    ),
    "tokens": (
        Act.TOKENS, "Tokens, without their secrets, oldest first.",
        lambda c, n: c.tokens.list()[-n:],
    ),
}  # fmt: skip


def list_routes(house: House) -> APIRouter:
    """Return one route for each list."""
    router = APIRouter(prefix=forms.PREFIX, tags=["people"])
    for name, (act, what, read) in _LISTS.items():
        router.add_api_route(
            f"/{name}",
            _endpoint(house, act, read),
            name=f"list_{name.replace('-', '_')}",
            description=what,
            responses=_PROBLEMS,
            response_model=list[dict[str, Any]],
        )
    return router


def _endpoint(
    house: House, act: Act, read: Callable[[Catalogue, int], Iterable[Any]]
) -> Callable[..., Response]:
    reader = who_may(house, act)

    def show(token: TokenRow = reader, limit: Limit = 100) -> Response:
        return Answer([_plain(row) for row in read(house.workspace.catalogue, limit)])

    return show


def work_routes(house: House, room: Room) -> APIRouter:
    """Return the routes by which people change something."""
    router = APIRouter(prefix=forms.PREFIX, tags=["people"])
    _show_pictures(router, house)
    _take_kinds(router, house, room)
    _take_labels(router, house, room)
    _revoke_tokens(router, house)
    return router


def _show_pictures(router: APIRouter, house: House) -> None:
    looker = who_may(house, Act.TASKS)

    @router.get(
        "/label-tasks/{observation}/image",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
            **_PROBLEMS, **forms.problems(404),
        },
    )  # fmt: skip
    def show_picture(observation: str, token: TokenRow = looker) -> Response:
        """Return the PNG of a frame that was asked for."""
        headers = {"Cache-Control": "private, immutable", "X-Content-Type-Options": "nosniff"}
        data = task_picture(house.workspace, observation)
        return Response(data, headers=headers, media_type="image/png")


def _take_kinds(router: APIRouter, house: House, room: Room) -> None:
    namer = who_may(house, Act.NAME)

    @router.post(
        "/kinds",
        response_model=forms.NamedKind,
        responses=_PROBLEMS | forms.problems(400, 408, 409, 413, 507),
        openapi_extra=forms.KIND,
    )
    async def give_kind(request: Request, token: TokenRow = namer) -> Response:
        """Give a kind that no model knows yet its permanent id; asked again, it is the same."""
        async with house.bodies.read(request, _MOST_KIND) as body:

            def take() -> Kind:
                room.check()
                name, shape = _named(read_json(body))
                now = datetime.now(UTC)
                return name_kind(house.workspace.catalogue, name, shape, token.name, now)

            return Answer(_plain(await run_in_threadpool(take)))


def _take_labels(router: APIRouter, house: House, room: Room) -> None:
    labeller = who_may(house, Act.LABEL)

    @router.post(
        "/label-tasks/{observation}/label",
        status_code=204,
        responses=_PROBLEMS | forms.problems(400, 404, 408, 409, 413, 507),
        openapi_extra=forms.LABEL,
    )
    async def give_label(
        observation: str, request: Request, token: TokenRow = labeller
    ) -> Response:
        """Keep the truth of a frame that was asked for; a second label supersedes the first."""
        async with house.bodies.read(request, _MOST_LABEL) as body:

            def take() -> None:
                room.check()
                value = read_json(body)
                take_label(house.workspace, observation, value, token.name, datetime.now(UTC))

            await run_in_threadpool(take)
        return Response(status_code=204)


def _revoke_tokens(router: APIRouter, house: House) -> None:
    admin = who_may(house, Act.TOKENS)

    @router.post("/tokens/{id}/revoke", status_code=204, responses=_PROBLEMS | forms.problems(404))
    def revoke(id: str, token: TokenRow = admin) -> Response:
        """Make a token void from now on."""
        revoke_token(house.workspace.catalogue, id, token.name)
        return Response(status_code=204)


def _named(value: Any) -> tuple[str, str]:
    """Return name and shape of ``{"name": text, "shape": text}``, of which the last may lack."""
    given = value if isinstance(value, Mapping) else {}
    name, shape = given.get("name"), given.get("shape", "unknown")
    if not isinstance(name, str) or not isinstance(shape, str):
        raise InvalidInput(
            "body", '{"name": text, "shape": text}', repr(value)[:80], "Name the kind."
        )
    return name, shape


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times as ISO 8601, masks as COCO has them, NaN as null."""
    if isinstance(value, Instances):
        return instances_to_json(value)
    if isinstance(value, Taxonomy):
        return taxonomy_to_json(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
