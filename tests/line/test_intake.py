"""What robots send is judged at the door, safe when acknowledged, and moved on exactly once."""

import io
import json
import struct
import zipfile
import zlib
from datetime import UTC, datetime, timedelta

import intake_scenes as scenes
import numpy as np
import pytest

from januscl.core import InvalidInput, Outcome
from januscl.core.message import encode_batch
from januscl.line import intake
from januscl.line.access import Forbidden
from januscl.store import Workspace


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "w") as opened:
        yield opened


def take(workspace, message, robot="robot-1", most=100):
    return intake.take_batch(workspace, robot, message, most)


def rejects(workspace):
    return [(row.thing, row.reason) for row in workspace.catalogue.rejects.list()]


def test_a_batch_is_in_the_inbox_when_it_is_acknowledged_and_in_the_catalogue_when_drained(
    workspace,
):
    message, records = scenes.batch(range(3))
    receipt = take(workspace, message)
    assert receipt.accepted == tuple(record["id"] for record in records)
    assert workspace.catalogue.inbox.depth() == 1
    assert workspace.catalogue.observations.counts()["observations"] == 0
    moved = intake.drain(workspace)
    assert (moved.messages, moved.observations, moved.rejected) == (1, 3, 0)
    assert workspace.catalogue.inbox.depth() == 0
    seen = workspace.observation(records[1]["id"])
    assert seen.frame.image.shape == (scenes.HEIGHT, scenes.WIDTH, 3)
    assert seen.frame.robot == "robot-1"
    assert len(seen.instances) == 2


def test_the_same_id_any_number_of_times_is_one_observation(workspace):
    message, _ = scenes.batch([1])
    assert take(workspace, message) == take(workspace, message)
    assert intake.drain(workspace).repeated == 1
    take(workspace, message)
    assert intake.drain(workspace).repeated == 1
    assert workspace.catalogue.observations.counts()["observations"] == 1
    assert rejects(workspace) == []


def test_an_outcome_may_come_before_its_observation(workspace):
    message, (record,) = scenes.batch([1])
    early = {"outcomes": [scenes.outcome(record["id"])]}
    assert intake.take_outcomes(workspace, "robot-1", early, 10).accepted == (record["id"],)
    assert intake.drain(workspace).outcomes == 1
    take(workspace, message)
    intake.drain(workspace)
    row = workspace.catalogue.observations.get(record["id"])
    assert row.pick is not None
    assert row.pick.outcome is Outcome.MISSED


def test_pixels_may_come_after_their_record(workspace):
    record, data = scenes.record(1), scenes.picture(1)
    intake.take_record(workspace, "robot-1", record)
    intake.take_picture(workspace, "robot-1", record["id"], data)
    intake.take_picture(workspace, "robot-1", record["id"], data)
    moved = intake.drain(workspace)
    assert (moved.observations, moved.pictures, moved.repeated) == (1, 1, 1)
    assert workspace.catalogue.observations.get(record["id"]).image == scenes.sha(data)


def test_what_is_wrong_with_one_record_costs_only_that_record(workspace):
    good, bad = scenes.record(1), scenes.record(2, size=[0, 0])
    message = encode_batch([good, bad, 7, scenes.record(3, at="noon")], {})
    receipt = take(workspace, message)
    assert receipt.accepted == (good["id"],)
    assert receipt.rejected[0].id == bad["id"]
    assert len(receipt.rejected) == 3
    assert "record.at: expected an ISO 8601 time" in receipt.rejected[2].reason
    assert len(rejects(workspace)) == 3, "what was refused is kept with its reason"
    moved = intake.drain(workspace)
    assert (moved.observations, moved.rejected) == (1, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"at": "0001-01-01T00:00:00+23:59"},
        {"size": [10**400, 1]},
        {"size": [-24, -32]},
        {"camera": "\ud800"},
        {"model": "a\x00b"},
        {"id": "../../etc/passwd"},
        {"id": 7},
        {"instances": {"masks": [], "boxes": [[1, 2, 3, 1e39]], "scores": [], "labels": []}},
        {"instances": {"masks": [], "boxes": [], "scores": [10**400], "labels": []}},
        {"instances": None},
        {"image": "0" * 64},
        {"embeddings": "../../../etc/passwd"},
    ],
)
def test_a_record_that_the_catalogue_could_not_keep_is_refused_at_the_door(workspace, changed):
    receipt = intake.take_record(workspace, "robot-1", {**scenes.record(1), **changed})
    assert receipt.accepted == ()
    assert len(receipt.rejected) == 1
    assert workspace.catalogue.inbox.depth() == 0


@pytest.mark.parametrize(
    "pick",
    [
        None,
        {"instance": 10**30, "point": None, "outcome": "missed", "at": "2026-05-04T12:00:00Z"},
        {"instance": 0, "point": [10**400, 0], "outcome": "missed", "at": "2026-05-04T12:00:00Z"},
        {"instance": 0, "point": None, "outcome": "lost", "at": "2026-05-04T12:00:00Z"},
        {"instance": 0, "point": None, "outcome": [], "at": "2026-05-04T12:00:00Z"},
        {"instance": 0, "point": None, "outcome": "missed", "at": "9999-12-31T23:59:00-23:00"},
    ],
)
def test_an_outcome_that_the_catalogue_could_not_keep_is_refused_at_the_door(workspace, pick):
    entry = {"observation": scenes.record(1)["id"], "pick": pick}
    receipt = intake.take_outcomes(workspace, "robot-1", {"outcomes": [entry]}, 10)
    assert (receipt.accepted, len(receipt.rejected)) == ((), 1)
    assert workspace.catalogue.inbox.depth() == 0


def test_what_a_clock_far_ahead_dates_is_refused_at_the_door(workspace):
    now = datetime.now(UTC)
    late = (now + timedelta(hours=23)).isoformat()
    ahead = (now + timedelta(days=2)).isoformat()
    receipt = intake.take_record(workspace, "robot-1", scenes.record(1, at=ahead))
    assert receipt.accepted == ()
    assert "ahead by more than a day" in receipt.rejected[0].reason
    fine = scenes.record(2, at=late)
    assert intake.take_record(workspace, "robot-1", fine).accepted == (fine["id"],)
    told = scenes.outcome(fine["id"])
    told["pick"]["at"] = ahead
    receipt = intake.take_outcomes(workspace, "robot-1", {"outcomes": [told]}, 10)
    assert receipt.accepted == ()
    assert [thing.split()[0] for thing, _ in rejects(workspace)] == ["observation", "outcome"]
    intake.drain(workspace)
    assert workspace.catalogue.observations.counts()["observations"] == 1


def test_a_robot_writes_only_as_itself(workspace):
    own, (other,) = scenes.record(1), scenes.batch([2], "robot-2")[1]
    with pytest.raises(Forbidden, match="another robot"):
        take(workspace, encode_batch([own, {**other, "image": None}], {}))
    assert workspace.catalogue.inbox.depth() == 0, "nothing of such a request is taken"
    intake.take_record(workspace, "robot-2", {**other, "image": None})
    early = {"outcomes": [scenes.outcome(other["id"])]}
    intake.take_outcomes(workspace, "robot-1", early, 10)
    intake.take_picture(workspace, "robot-1", other["id"], scenes.picture())
    assert intake.drain(workspace).rejected == 2, "of an observation that is still in the inbox"
    row = workspace.catalogue.observations.get(other["id"])
    assert (row.pick, row.image) == (None, None)
    with pytest.raises(Forbidden):
        intake.take_outcomes(workspace, "robot-1", early, 10)
    with pytest.raises(Forbidden):
        intake.take_picture(workspace, "robot-1", other["id"], scenes.picture())


def test_a_forged_digest_refuses_the_batch(workspace):
    record = scenes.record(1, image="0" * 64)
    with pytest.raises(InvalidInput, match="SHA-256"):
        take(workspace, encode_batch([record], {"0" * 64: b"other"}))


def test_bytes_that_no_record_names_refuse_the_batch(workspace):
    with pytest.raises(InvalidInput, match="none does"):
        take(workspace, encode_batch([scenes.record(1)], {scenes.sha(b"x"): b"x"}))


def test_more_records_than_allowed_refuse_the_batch(workspace):
    message, _ = scenes.batch(range(3))
    with pytest.raises(InvalidInput, match="1 to 2"):
        take(workspace, message, most=2)


def bomb():
    """Return a PNG of 20000x20000 pixels in some kilobytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    png = b"\x89PNG\r\n\x1a\n"
    return png + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", bomb(), scenes.picture(height=25)],
    ids=["empty", "other", "bomb", "size"],
)
def test_a_picture_is_judged_by_its_header_before_it_is_decoded(workspace, data):
    record = scenes.record(1, image=scenes.sha(data))
    receipt = take(workspace, encode_batch([record], {scenes.sha(data): data}))
    assert receipt.accepted == ()
    assert "picture of observation" in receipt.rejected[0].reason


def test_a_picture_that_comes_alone_is_judged_by_its_header_too(workspace):
    id = scenes.record(1)["id"]
    for data in (b"", b"GIF89a", bomb()):
        with pytest.raises(InvalidInput, match="picture of observation"):
            intake.take_picture(workspace, "robot-1", id, data)


def test_a_picture_that_turns_out_damaged_costs_only_the_picture(workspace):
    data = scenes.picture(1)[:-200]
    record = scenes.record(1, image=scenes.sha(data))
    assert take(workspace, encode_batch([record], {scenes.sha(data): data})).rejected == ()
    moved = intake.drain(workspace)
    assert (moved.observations, moved.rejected) == (1, 1)
    assert workspace.catalogue.observations.get(record["id"]).image is None
    (row,) = workspace.catalogue.rejects.list()
    assert row.thing == f"picture of observation {record['id']}"
    assert workspace.blobs.get(row.blob) == data, "its bytes are kept for whoever looks into it"


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def lying_npz():
    """Return an npz whose npy header claims a terabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        header = io.BytesIO()
        told = {"descr": "<f4", "fortran_order": False, "shape": (2, 10**11)}
        np.lib.format.write_array_header_1_0(header, told)
        file.writestr("instances.npy", header.getvalue())
    return out.getvalue()


def zip_bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("frame.npy", b"\0" * 80_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"no zip",
        npz(instances=np.zeros((3, 4), np.float32)),
        npz(instances=np.array([[object()], [object()]])),
        npz(other=np.zeros(4)),
        npz(frame=np.full(4, np.nan, np.float32)),
        npz(frame=np.zeros(4, np.int32)),
        lying_npz(),
        zip_bomb(),
    ],
    ids=["no-zip", "rows", "pickle", "name", "nan", "whole", "lie", "bomb"],
)
def test_embeddings_are_judged_before_they_are_unpacked(workspace, data):
    record = scenes.record(1, embeddings=scenes.sha(data))
    receipt = take(workspace, encode_batch([record], {scenes.sha(data): data}))
    assert "embeddings of observation" in receipt.rejected[0].reason


def test_embeddings_come_back_with_their_observation(workspace):
    data, image = npz(instances=np.ones((2, 4), np.float32)), scenes.picture(1)
    record = scenes.record(1, image=scenes.sha(image), embeddings=scenes.sha(data))
    blobs = {scenes.sha(data): data, scenes.sha(image): image}
    assert take(workspace, encode_batch([record], blobs)).rejected == ()
    intake.drain(workspace)
    assert workspace.observation(record["id"]).instances.embeddings.shape == (2, 4)


def test_another_frame_under_the_same_id_becomes_a_reject_with_its_record(workspace):
    first = scenes.record(1)
    other = {**first, "camera": "cam-2"}
    for value in (first, other):
        intake.take_record(workspace, "robot-1", value)
    moved = intake.drain(workspace)
    assert (moved.observations, moved.rejected) == (1, 1)
    (row,) = workspace.catalogue.rejects.list()
    assert "another frame came under the same id" in row.reason
    assert workspace.get_json(row.blob) == other


def test_a_second_outcome_becomes_a_reject_and_the_first_stands(workspace):
    message, (record,) = scenes.batch([1])
    take(workspace, message)
    for name in ("missed", "picked"):
        told = {"outcomes": [scenes.outcome(record["id"], Outcome(name))]}
        intake.take_outcomes(workspace, "robot-1", told, 10)
    moved = intake.drain(workspace)
    assert (moved.outcomes, moved.rejected) == (1, 1)
    assert workspace.catalogue.observations.get(record["id"]).pick.outcome is Outcome.MISSED


def test_a_message_that_nobody_can_read_does_not_hold_up_the_others(workspace):
    inbox = workspace.catalogue.inbox
    for kind, message in (("batch", b"rubbish"), ("song", b"la"), ("outcomes", b"[]")):
        inbox.put("robot-1", kind, message)
    intake.take_record(workspace, "robot-1", scenes.record(1))
    moved = intake.drain(workspace)
    assert (moved.messages, moved.observations, moved.rejected) == (4, 1, 3)
    kept = [workspace.blobs.get(row.blob) for row in workspace.catalogue.rejects.list()]
    assert kept == [b"rubbish", b"la", b"[]"]


def test_what_another_worker_has_moved_is_left_to_it(workspace, monkeypatch):
    message, _ = scenes.batch([1])
    take(workspace, message)
    taken = workspace.catalogue.inbox.take(10)
    intake.drain(workspace)
    monkeypatch.setattr(workspace.catalogue.inbox, "take", lambda *_, **__: taken)
    assert intake.drain(workspace) == intake.Drained()
    assert workspace.catalogue.observations.counts()["observations"] == 1


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_body_that_is_no_json_says_so(body):
    with pytest.raises(InvalidInput, match="JSON"):
        intake.read_json(body)


def test_json_that_is_no_list_of_outcomes_says_so(workspace):
    for value in (None, [], {"outcomes": {}}, json.loads("3")):
        with pytest.raises(InvalidInput, match="outcomes"):
            intake.take_outcomes(workspace, "robot-1", value, 10)
