"""What robots send over HTTP: taken in, acknowledged, and refused with the reason."""

import time

import intake_scenes as scenes

from januscl.core.message import MEDIA_TYPE, encode_batch
from januscl.line import intake

BATCH = {"Content-Type": MEDIA_TYPE}


def test_a_batch_is_acknowledged_by_its_ids_and_waits_in_the_inbox(house):
    message, records = scenes.batch(range(3))
    answer = house.ask("POST", "/observations", content=message, headers=BATCH)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"accepted": [r["id"] for r in records], "rejected": []}
    assert house.workspace.catalogue.inbox.depth() == 1
    assert intake.drain(house.workspace).observations == 3


def test_one_record_may_come_as_json_its_pixels_and_its_outcome_later(house):
    record, data = scenes.record(1), scenes.picture(1)
    id = record["id"]
    assert house.ask("POST", "/observations", json=record).json()["accepted"] == [id]
    assert house.ask("PUT", f"/observations/{id}/image", content=data).status_code == 204
    told = {"outcomes": [scenes.outcome(id)]}
    assert house.ask("POST", "/outcomes", json=told).json() == {"accepted": [id], "rejected": []}
    intake.drain(house.workspace)
    row = house.workspace.catalogue.observations.get(id)
    assert (row.image, row.pick.outcome) == (scenes.sha(data), "missed")


def test_what_is_refused_says_what_was_expected_what_was_found_and_the_fix(house):
    answer = house.ask("POST", "/observations", content=b"rubbish", headers=BATCH)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"thing", "expected", "found", "fix"}
    assert answer.json()["error"]["thing"] == "batch"
    refused = house.ask("POST", "/observations", json={**scenes.record(1), "size": [1, 1]})
    assert refused.status_code == 200
    assert "size 1x1" in refused.json()["rejected"][0]["reason"]


def test_a_body_of_another_kind_is_refused_before_it_is_read(house):
    answer = house.ask("POST", "/observations", content=b"x", headers={"Content-Type": "text/xml"})
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused_while_it_streams(make_house):
    house = make_house(max_body_bytes=100_000)
    sent = []

    def endless():
        for _ in range(1000):
            sent.append(1)
            yield b"x" * 10_000

    answer = house.ask("POST", "/observations", content=endless(), headers=BATCH)
    assert answer.status_code == 413
    declared = {**BATCH, "Content-Length": "999999999"}
    answer = house.ask("POST", "/observations", content=b"", headers=declared)
    assert answer.status_code == 413
    assert house.workspace.catalogue.inbox.depth() == 0


def test_more_at_once_than_there_is_room_for_is_sent_back_to_wait(make_house):
    house = make_house(pending_bytes=1024)
    message, _ = scenes.batch([1])
    answer = house.ask("POST", "/observations", content=message, headers=BATCH)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    record = house.ask("POST", "/outcomes", json={"outcomes": []})
    assert record.status_code == 422, "the room is given back"


def test_a_token_that_asks_too_often_is_sent_back_to_wait_and_no_other_is(make_house):
    house = make_house(requests_a_second=0.5, burst=2)
    answers = [house.ask("POST", "/observations", json=scenes.record(n)) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 2
    other = house.ask("POST", "/observations", "robot-2", json=scenes.record(4, "robot-2"))
    assert other.status_code == 200


def test_a_full_disk_is_told_and_nothing_is_acknowledged(make_house):
    house = make_house(min_free_bytes=2**62)
    answer = house.ask("POST", "/observations", json=scenes.record(1))
    assert answer.status_code == 507
    assert "bytes left" in answer.json()["error"]["found"]
    assert house.client.get("/ready").status_code == 503
    assert house.client.get("/ready").json()["failings"] == {"disk": "StorageFull"}


def test_too_many_records_in_a_batch_are_refused(make_house):
    house = make_house(max_records=2)
    message, _ = scenes.batch(range(3))
    answer = house.ask("POST", "/observations", content=message, headers=BATCH)
    assert answer.status_code == 422
    assert "1 to 2" in answer.json()["error"]["expected"]


def test_a_forged_upload_is_refused(house):
    message, _ = scenes.batch([1])
    forged = message[:-1] + bytes([message[-1] ^ 1])
    answer = house.ask("POST", "/observations", content=forged, headers=BATCH)
    assert answer.status_code == 422
    assert "SHA-256" in answer.json()["error"]["expected"]


def test_the_worker_moves_what_was_sent_and_stops_with_the_app(make_house):
    house = make_house(worker=True, drain_seconds=0.05)
    message, records = scenes.batch(range(2))
    with house.client:
        house.ask("POST", "/observations", content=message, headers=BATCH)
        catalogue = house.workspace.catalogue
        for _ in range(200):
            if catalogue.observations.counts()["observations"] == 2:
                break
            time.sleep(0.02)
    assert catalogue.inbox.depth() == 0
    assert house.workspace.observation(records[0]["id"]).frame.robot == "robot-1"


def test_a_record_whose_picture_is_kept_already_needs_no_second_copy(house):
    message, (record,) = scenes.batch([1])
    house.ask("POST", "/observations", content=message, headers=BATCH)
    intake.drain(house.workspace)
    again = encode_batch([record], {})
    answer = house.ask("POST", "/observations", content=again, headers=BATCH)
    assert answer.json() == {"accepted": [record["id"]], "rejected": []}
