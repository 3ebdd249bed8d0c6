import ast
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from edge_double import eventually

from januscl.core import InvalidInput, MissingDependency, NotFound
from januscl.core.pictures import encode_png
from januscl.edge.recording import read_recording

EXAMPLES = Path(__file__).parents[2] / "examples"
TOPIC = "/camera/image_raw"
HEADER = """std_msgs/Header header
{}
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
RAW = HEADER.format(
    "uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data"
)
COMPRESSED = HEADER.format("string format\nuint8[] data")
RED = np.zeros((20, 30, 3), np.uint8)
RED[..., 0] = 200


@pytest.fixture
def written(tmp_path):
    """Return a function that writes messages of one kind to a recording."""
    writer = pytest.importorskip("mcap_ros2.writer")

    def write(kind, messages):
        path = tmp_path / "recording.mcap"
        with path.open("wb") as file, writer.Writer(file) as out:
            text = RAW if kind == "Image" else COMPRESSED
            schema = out.register_msgdef(f"sensor_msgs/msg/{kind}", text)
            for number, message in enumerate(messages):
                out.write_message(TOPIC, schema, message, log_time=1000 * 10**9 + number)
        return path

    return write


def message(stamp=(1_700_000_000, 5 * 10**8), **fields):
    header = {"stamp": {"sec": stamp[0], "nanosec": stamp[1]}, "frame_id": "c"}
    return {"header": header, **fields}


def raw(image, encoding="rgb8", pad=0, **changes):
    rows = np.pad(image.reshape(len(image), -1), ((0, 0), (0, pad)))
    given = {"height": image.shape[0], "width": image.shape[1], "encoding": encoding,
             "is_bigendian": 0, "step": rows.shape[1], "data": rows.tobytes()}  # fmt: skip
    return message(**{**given, **changes})


def frames(path):
    return list(read_recording(path, TOPIC, "arm", "eye"))


@pytest.mark.parametrize(
    ("encoding", "image"),
    [
        ("rgb8", RED),
        ("bgr8", RED[..., ::-1]),
        ("rgba8", np.dstack((RED, RED[..., :1]))),
        ("bgra8", np.dstack((RED[..., ::-1], RED[..., :1]))),
    ],
)
def test_pictures_of_any_usual_encoding_come_out_as_rgb(written, encoding, image):
    (frame,) = frames(written("Image", [raw(np.ascontiguousarray(image), encoding, pad=6)]))
    assert np.array_equal(frame.image, RED)
    assert (frame.robot, frame.camera) == ("arm", "eye")
    assert frame.at == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


def test_grey_and_compressed_pictures_come_out_as_rgb(written):
    grey = np.full((20, 30), 90, np.uint8)
    (frame,) = frames(written("Image", [raw(grey, "mono8")]))
    assert (frame.image == 90).all()
    given = message(format="png", data=encode_png(RED))
    (frame,) = frames(written("CompressedImage", [given]))
    assert np.array_equal(frame.image, RED)


def test_a_picture_without_a_stamp_has_the_time_it_was_logged(written):
    first, second = frames(written("Image", [raw(RED), {**raw(RED), **message((0, 0))}]))
    assert second.at.timestamp() == pytest.approx(1000.0)
    assert first.at != second.at


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (raw(RED, encoding="bayer_rggb8"), "Convert it"),
        (raw(RED, height=10**5, width=10**5), "as many bytes"),
        (raw(RED, step=3), "as many bytes"),
        (raw(RED, data=b"short"), "as many bytes"),
    ],
)
def test_a_message_that_is_no_whole_picture_is_named(written, bad, match):
    with pytest.raises(InvalidInput, match=match):
        frames(written("Image", [bad]))


def test_a_recording_that_is_none_or_cut_short_is_named(written, tmp_path):
    path = written("Image", [raw(RED)] * 20)
    with pytest.raises(NotFound, match=f"it has {TOPIC}"):
        list(read_recording(path, "/other", "arm", "eye"))
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InvalidInput, match="mcap recover"):
        frames(path)
    with pytest.raises(NotFound, match="does not exist"):
        frames(tmp_path / "none.mcap")


def test_without_the_extra_it_says_which_one_to_install(written, monkeypatch):
    path = written("Image", [raw(RED)])
    monkeypatch.setitem(sys.modules, "mcap.reader", None)
    with pytest.raises(MissingDependency, match=r"januscl\[ros\]"):
        frames(path)


def run(name, service, spool, *arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments, "--server", service.address,
         "--spool", str(spool)],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent / "src")},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_the_example_of_a_plain_loop_sends_what_it_saw_and_did(service, tmp_path):
    told = run("plain_loop.py", service, tmp_path / "spool", "--cycles", "20")
    assert len(service.records) == len(service.outcomes) == 20
    assert "sent_records: 20" in told
    failed = sum(outcome.outcome.failed for outcome in service.outcomes.values())
    assert 0 < failed <= len(service.images)


def test_the_example_of_a_recording_sends_its_frames(service, written, tmp_path):
    path = written("Image", [raw(RED)] * 5)
    assert "5 frames" in run("mcap_recording.py", service, tmp_path / "spool", str(path))
    eventually(lambda: len(service.records) == 5)
    assert next(iter(service.records.values())).at.year == 2023


def test_the_ros_node_calls_the_agent_as_it_is():
    """rclpy is on no package index, so the node cannot run here: its imports and calls are read."""
    tree = ast.parse((EXAMPLES / "ros2_node" / "janus_node.py").read_text())
    named = [
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("januscl")
        for alias in node.names
    ]
    assert ("januscl.edge", "Agent") in named
    for module, name in named:
        assert hasattr(__import__(module, fromlist=[name]), name)
