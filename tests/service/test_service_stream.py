"""The steps of the loop as they come, from a real server."""

import json
from contextlib import ExitStack

import httpx
import pytest
from served import served

from januscl.line.access import revoke_token
from januscl.service import stream
from januscl.store import Workspace


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("stream") / "w", ["robot-1"]) as running:
        yield running


@pytest.fixture
def audit(server):
    with Workspace.open(server.folder) as workspace:
        yield workspace.catalogue.audit


def listen(server, stack, **headers):
    """Return the lines of a stream that is open already."""
    given = {**server.headers(), **headers}
    answer = stack.enter_context(
        httpx.stream("GET", f"{server.address}/api/v1/stream", headers=given, timeout=20)
    )
    assert answer.status_code == 200
    lines = answer.iter_lines()
    assert next(lines) == ": from here on"
    return lines


def events(lines, count):
    found = []
    for line in lines:
        if line.startswith("data: "):
            found.append(json.loads(line.removeprefix("data: ")))
            if len(found) == count:
                return found
    return found


def test_rows_come_as_they_are_added_and_none_from_before(server, audit):
    with ExitStack() as stack:
        audit.record("anna", "before", "s", {})
        lines = listen(server, stack)
        audit.record("anna", "ticket.opened", "t-1", {"why": "dark\nlight"})
        audit.record("line", "ticket.closed", "t-1", {})
        first, second = events(lines, 2)
    assert (first["actor"], first["action"], first["subject"]) == ("anna", "ticket.opened", "t-1")
    assert first["detail"] == {"why": "dark\nlight"}
    assert second["number"] > first["number"]


def test_a_stream_goes_on_after_the_last_event_that_came(server, audit):
    start = audit.last()
    for number in range(450):
        audit.record("line", "step", f"s-{number}", {})
    with ExitStack() as stack:
        found = events(listen(server, stack, **{"Last-Event-ID": str(start + 10)}), 440)
    assert [row["subject"] for row in found] == [f"s-{n}" for n in range(10, 450)]


def test_an_id_that_is_none_and_a_robot_are_refused(server):
    for wrong in ("-1", "x", "9" * 30, "٣"):
        given = {**server.headers(), "Last-Event-ID": wrong.encode()}
        assert httpx.get(f"{server.address}/api/v1/stream", headers=given).status_code == 422
    robot = httpx.get(f"{server.address}/api/v1/stream", headers=server.headers("robot-1"))
    assert robot.status_code == 403
    assert httpx.get(f"{server.address}/api/v1/stream").status_code == 401


def test_a_server_bounds_its_listeners_and_ends_their_streams_when_it_stops(tmp_path):
    with served(tmp_path / "w") as server, ExitStack() as stack:
        open_ = [listen(server, stack) for _ in range(stream.MOST_STREAMS)]
        refused = httpx.get(f"{server.address}/api/v1/stream", headers=server.headers())
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert server.stop() < 5, "nobody had to be cut off"
        assert all(list(lines) == [""] for lines in open_), "each ended whole"


def test_a_quiet_stream_says_that_it_is_alive_and_ends_with_its_token(house):
    """In one process, where the time between two comments can be shortened."""
    import anyio

    from januscl.line.logs import make_log
    from januscl.service.gate import House as Shared
    from januscl.service.limits import Bodies, Rate
    from januscl.service.metrics import Metrics

    catalogue = house.workspace.catalogue
    log = make_log("error", house.log_file)
    shared = Shared(house.workspace, Rate(1e6, 10**6), Bodies(1, 1), Metrics(catalogue), log, None)
    router = stream.stream_routes(shared, lambda: False, alive_seconds=0.5)
    token = next(t for t in catalogue.tokens.list() if t.name == "operator")

    async def hear():
        answer = await router.routes[0].endpoint(token=token, last_id=None)
        found = []
        async for text in answer.body_iterator:
            found.append(text)
            if len(found) == 2:
                revoke_token(catalogue, token.id, "admin")
        return found

    found = anyio.run(hear)
    assert found[:2] == [": from here on\n\n", ": alive\n\n"]
    assert [json.loads(text.split("data: ")[1])["action"] for text in found[2:]] == [
        "token.revoked"
    ]
