"""No request that the API's page allows, and none near it, makes the service fail."""

import intake_scenes as scenes
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from januscl.core.message import MEDIA_TYPE

IDS = {"id": scenes.record()["id"], "observation": scenes.record()["id"], "robot": "robot-1"}
WHO = {"robots": "robot-1", "people": "admin", "health": "robot-1"}
FEW = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer(MEDIA_TYPE)
def as_bytes(context, value):
    return {"data": value if isinstance(value, bytes) else repr(value).encode()}


def operations(schema):
    return [result.ok() for result in schema.get_all_operations()]


def fuzz(house, operation, mode):
    """Send requests of one route; return how many."""
    who = "annotator" if operation.path.endswith("/label") else WHO[operation.tags[0]]
    headers = {"Authorization": f"Bearer {house.tokens[who]}"}
    names = {parameter.name for parameter in operation.path_parameters}
    known = {name: value for name, value in IDS.items() if name in names}
    sent = []

    @FEW
    @given(data=st.data())
    def ask(data):
        paths = data.draw(st.sampled_from([known, None])) if known else None
        case = data.draw(operation.as_strategy(mode, path_parameters=paths))
        if isinstance(case.body, dict) and "robot" in case.body:
            case.body["robot"] = "robot-1"
        answer = case.call(headers=headers)
        sent.append(answer.status_code)
        assert answer.status_code < 500, case.as_curl_command()

    try:
        ask()
    except Unsatisfiable:
        assert not sent, "a route without parameters and body has no request that is wrong"
    return len(sent)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_from_the_apis_page_makes_the_service_fail(house, mode):
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", house.app)
    assert sum(fuzz(house, operation, mode) for operation in operations(schema)) > 100


MESSAGE, _ = scenes.batch([1, 2])


@FEW
@given(data=st.data())
def mangled(data, ask):
    message = bytearray(MESSAGE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(message) - 1))
        cut = data.draw(st.sampled_from([0, 0, 1, 40]))
        message[at : at + cut] = data.draw(st.binary(max_size=8))
    status = ask(bytes(message)).status_code
    assert status in (200, 403, 422), status


def test_no_batch_that_was_damaged_on_its_way_makes_the_service_fail(house):
    mangled(
        ask=lambda message: house.ask(
            "POST", "/observations", content=message, headers={"Content-Type": MEDIA_TYPE}
        )
    )
