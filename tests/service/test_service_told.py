"""What the service tells of itself: health, metrics, logs without secrets."""

import time

import intake_scenes as scenes
import pytest

from januscl.core.message import MEDIA_TYPE
from januscl.line import intake
from januscl.line.logs import make_log


def test_health_and_readiness_need_no_token(house):
    assert house.client.get("/health").json() == {"status": "ok"}
    assert house.client.get("/ready").json() == {"status": "ok", "failings": {}}
    assert house.workspace.catalogue.inbox.depth() == 0, "the trial leaves no trace"


def test_a_catalogue_that_cannot_be_read_is_not_ready(house, monkeypatch):
    def broken():
        raise OSError("secret detail")

    monkeypatch.setattr(house.workspace.catalogue.aliases, "list", broken)
    answer = house.client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "failings": {"database": "OSError"}}


def test_metrics_count_requests_the_inbox_and_what_became_of_what_came(house):
    message, _ = scenes.batch([1, 2])
    bad = {**scenes.record(3), "size": [1, 1]}
    house.ask("POST", "/observations", content=message, headers={"Content-Type": MEDIA_TYPE})
    house.ask("POST", "/observations", json=bad)
    value = {"running": None, "counters": {"dropped_frames": 7}, "error": "no light"}
    house.ask("POST", "/robots/robot-1/check-in", json=value)
    house.ask("GET", "/no/such/route")
    text = house.client.get("/metrics").text
    assert 'janus_taken_total{result="accepted",what="observations"} 2.0' in text
    assert 'janus_taken_total{result="rejected",what="observations"} 1.0' in text
    assert "janus_inbox_depth 1.0" in text
    assert 'janus_robot_counter{name="dropped_frames"} 7.0' in text
    assert "janus_robots_in_error 1.0" in text
    route = 'method="POST",route="/api/v1/observations",status="200"'
    assert f"janus_requests_total{{{route}}} 2.0" in text
    assert 'route="none",status="404"' in text, "no label comes from a path that someone made up"
    assert 'janus_request_seconds_count{route="/api/v1/observations"} 2.0' in text
    assert "janus_received_bytes_total" in text


def test_each_request_is_one_line_with_its_id(house):
    answer = house.ask(
        "POST", "/observations", json=scenes.record(1), headers={"X-Request-ID": "mine-7"}
    )
    assert answer.headers["X-Request-ID"] == "mine-7"
    (line,) = house.logged
    assert line["request_id"] == "mine-7"
    assert (line["route"], line["status"]) == ("/api/v1/observations", 200)
    strange = house.ask("GET", "/tickets", headers={"X-Request-ID": 'a"\x7f{}'})
    assert len(strange.headers["X-Request-ID"]) == 36, "an id that is not plain is replaced"


def test_no_secret_is_in_a_log_whatever_is_sent(house, monkeypatch):
    secret = house.tokens["robot-1"]
    house.ask("POST", f"/observations?token={secret}", json={"id": secret, "robot": secret})
    house.ask("GET", f"/models/{secret}/weights")
    house.ask("GET", f"/{secret}")
    house.ask("POST", "/outcomes", content=secret.encode(), headers={"X-Request-ID": secret})

    def broken():
        raise RuntimeError(f"token {secret} at postgresql://janus:hunter2@db/janus")

    monkeypatch.setattr(house.workspace.catalogue.tickets, "list", broken)
    assert house.ask("GET", "/tickets", "operator").status_code == 500
    text = house.log_file.getvalue()
    assert "RuntimeError" in text, "the test is about a log that has the error"
    assert secret[-43:] not in text
    assert "hunter2" not in text


def test_an_error_of_our_own_is_answered_in_the_common_form_and_says_nothing_more(
    house, monkeypatch
):
    def broken():
        raise RuntimeError("inner detail")

    monkeypatch.setattr(house.workspace.catalogue.tickets, "list", broken)
    answer = house.ask("GET", "/tickets", "operator")
    assert answer.status_code == 500
    assert set(answer.json()["error"]) == {"thing", "expected", "found", "fix"}
    assert "inner detail" not in answer.text


def test_the_worker_tells_of_a_failure_and_tries_again(make_house, monkeypatch):
    house = make_house(worker=True, drain_seconds=0.01)
    failed = []

    def drain(workspace, limit):
        if len(failed) < 2:
            failed.append(1)
            raise OSError("no disk")
        return intake.Drained()

    monkeypatch.setattr("januscl.service.worker.drain", drain)
    with house.client:
        for _ in range(200):
            if len(failed) == 2:
                break
            time.sleep(0.01)
    assert [line["error"] for line in house.logged if line["level"] == "error"] == ["no disk"] * 2
    assert "janus_drain_failures_total 2.0" in house.client.get("/metrics").text


def test_a_level_keeps_lesser_lines_out(capsys):
    make_log("warning").info("quiet")
    make_log("warning").warning("loud")
    out = capsys.readouterr().out
    assert "loud" in out
    assert "quiet" not in out


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_a_method_that_a_route_does_not_have_is_said_so(house, method):
    answer = house.ask(method, "/observations")
    assert answer.status_code == 405
    assert "error" in answer.json()
