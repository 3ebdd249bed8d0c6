"""Who gets in, who may what, and what no token opens."""

from datetime import UTC, datetime, timedelta

import intake_scenes as scenes
import pytest

from januscl.core.message import MEDIA_TYPE, encode_batch
from januscl.line.access import MAY, Act
from januscl.store import Role, Workspace

LISTS = (
    "tickets", "novelties", "events", "campaigns", "decks", "evaluations", "releases", "audit",
    "models", "robots",
)  # fmt: skip
ROUTES = [
    ("POST", "/observations", Act.SEND),
    ("POST", "/outcomes", Act.SEND),
    ("PUT", f"/observations/{scenes.record()['id']}/image", Act.SEND),
    ("POST", "/robots/robot-1/check-in", Act.SEND),
    ("GET", "/models/m-0/weights", Act.FETCH),
    ("GET", "/label-tasks", Act.TASKS),
    ("POST", f"/label-tasks/{scenes.record()['id']}/label", Act.LABEL),
    ("GET", f"/label-tasks/{scenes.record()['id']}/image", Act.TASKS),
    ("GET", "/kinds", Act.TASKS),
    ("POST", "/kinds", Act.NAME),
    ("GET", "/stream", Act.READ),
    ("GET", "/tokens", Act.TOKENS),
    ("POST", "/tokens/none/revoke", Act.TOKENS),
    *(("GET", f"/{name}", Act.READ) for name in LISTS),
]
WHO = {"robot-1": Role.ROBOT, "annotator": Role.ANNOTATOR, "operator": Role.OPERATOR,
       "admin": Role.ADMIN}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "act"), ROUTES)
def test_each_role_may_what_the_table_says_and_nothing_else(house, method, path, act):
    for who, role in WHO.items():
        status = house.ask(method, path, who).status_code
        if role in MAY[act]:
            assert status not in (401, 403), (who, status)
        else:
            assert status == 403, (who, status)


@pytest.mark.parametrize(("method", "path", "act"), ROUTES)
def test_without_a_token_that_holds_nothing_opens(house, method, path, act):
    tokens = house.workspace.catalogue.tokens
    secret, _ = tokens.create("late", Role.ADMIN, expires=datetime.now(UTC) + timedelta(days=1))
    void, gone = tokens.create("gone", Role.ADMIN)
    tokens.revoke(gone.id)
    expired, _ = tokens.create("old", Role.ADMIN, expires=datetime.now(UTC) - timedelta(days=1))
    almost = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for given in (None, "", "x", void, expired, almost, "janus_" + "0" * 32 + "_" + "A" * 43):
        answer = house.ask(method, path, given)
        assert answer.status_code == 401, given
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.json()["error"]) == {"thing", "expected", "found", "fix"}


def test_a_fresh_install_has_no_token_and_gives_no_access(tmp_path):
    with Workspace.open(tmp_path / "new") as workspace:
        assert workspace.catalogue.tokens.list() == []


def test_a_robots_token_does_nothing_for_another_robot(house):
    other = scenes.record(1, "robot-2")
    for content in (encode_batch([other], {}), encode_batch([scenes.record(2), other], {})):
        answer = house.ask(
            "POST", "/observations", content=content, headers={"Content-Type": MEDIA_TYPE}
        )
        assert answer.status_code == 403
    assert house.ask("POST", "/observations", json=other).status_code == 403
    value = {"running": None, "counters": {}, "error": None}
    assert house.ask("POST", "/robots/robot-2/check-in", json=value).status_code == 403
    assert house.workspace.catalogue.inbox.depth() == 0
    assert house.workspace.catalogue.check_ins.list() == []


def test_a_revoked_token_is_void_at_once(house):
    (row,) = [t for t in house.workspace.catalogue.tokens.list() if t.name == "robot-1"]
    assert house.ask("POST", f"/tokens/{row.id}/revoke", "admin").status_code == 204
    assert house.ask("POST", "/observations", json=scenes.record(1)).status_code == 401
    assert house.ask("POST", "/tokens/none/revoke", "admin").status_code == 404
    actions = [row.action for row in house.workspace.catalogue.audit.list()]
    assert actions.count("token.revoked") == 1


def test_no_list_of_tokens_shows_a_secret_or_its_hash(house):
    shown = house.ask("GET", "/tokens", "admin").text
    assert "robot-1" in shown
    assert "sha256" not in shown
    for secret in house.tokens.values():
        assert secret not in shown
        assert secret[-43:] not in shown


@pytest.mark.parametrize(
    "trick",
    ["..%2f..%2fcatalogue.sqlite", "../../catalogue.sqlite", "%2e%2e", "a%00b", "%ff", "m" * 5000],
)
def test_a_path_trick_in_an_id_finds_nothing(house, trick):
    for method, path, who in (
        ("GET", f"/models/{trick}/weights", "robot-1"),
        ("PUT", f"/observations/{trick}/image", "robot-1"),
        ("POST", f"/label-tasks/{trick}/label", "annotator"),
        ("GET", f"/label-tasks/{trick}/image", "annotator"),
        ("POST", f"/tokens/{trick}/revoke", "admin"),
    ):
        answer = house.ask(method, path, who, content=b"{}")
        assert answer.status_code in (404, 405, 422), (path, answer.status_code)
        assert b"SQLite" not in answer.content
    assert not list(house.workspace.folder.glob("models/*"))
