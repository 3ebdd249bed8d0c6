"""Frames from a recording: MCAP files as ROS 2 writes them, by the extra ``januscl[ros]``."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from januscl.core import (
    Frame,
    Image,
    InvalidInput,
    JanusError,
    MissingDependency,
    NotFound,
    how_to_install,
)
from januscl.core.masks import MAX_PIXELS

_CHANNELS = {"rgb8": "rgb", "bgr8": "bgr", "rgba8": "rgb", "bgra8": "bgr", "mono8": "mono"}
_BYTES_A_PIXEL = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}


def read_recording(path: Path, topic: str, robot: str, camera: str) -> Iterator[Frame]:
    """Yield the frames of one topic of an MCAP recording, oldest first.

    Takes ``sensor_msgs/msg/Image`` (rgb8, bgr8, rgba8, bgra8, mono8) and
    ``sensor_msgs/msg/CompressedImage``. A frame's time is its header's stamp, or when it was
    logged where that is 0.

    Args:
        path: The file.
        topic: Such as ``/camera/image_raw``.
        robot: The robot's name.
        camera: The camera's name.

    Raises:
        MissingDependency: ``januscl[ros]`` is not installed.
        NotFound: There is no such file, or it has no such topic.
        InvalidInput: It is no such file, was cut short, or a message is none of those.
    """
    try:
        from mcap.reader import make_reader
        from mcap_ros2.decoder import DecoderFactory
    except ImportError as error:
        raise MissingDependency(
            f"reading {path} needs januscl[ros]; run: {how_to_install('ros')}"
        ) from error
    with _opened(path) as file:
        try:
            reader = make_reader(file, decoder_factories=[DecoderFactory()])
            summary = reader.get_summary()
            topics = (
                {channel.topic for channel in summary.channels.values()} if summary else {topic}
            )
            if topic not in topics:
                raise NotFound(f"{path} has no topic {topic}; it has {', '.join(sorted(topics))}")
            for _, _, message, decoded in reader.iter_decoded_messages(topics=[topic]):
                image = _image(decoded, f"{path} at {message.log_time} ns")
                yield Frame(image, camera, robot, _time(decoded, message.log_time))
        except JanusError:
            raise
        except Exception as error:
            # A reader fed with damaged bytes raises whatever it trips over.
            raise InvalidInput(
                str(path), "a whole MCAP file", f"{error!r}"[:200], "Run `mcap recover` on it."
            ) from error


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"recording {path} does not exist; check the path") from error


def _time(message: Any, logged: int) -> datetime:
    stamp = message.header.stamp
    nanoseconds = stamp.sec * 10**9 + stamp.nanosec or logged
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _image(message: Any, thing: str) -> Image:
    if hasattr(message, "format"):
        # Not at the top: Pillow is not needed on the robot.
        from januscl.core.pictures import decode_image

        return decode_image(bytes(message.data), thing)
    if getattr(message, "encoding", None) not in _CHANNELS:
        raise InvalidInput(
            thing, f"an image of {', '.join(_CHANNELS)}",
            repr(getattr(message, "encoding", type(message).__name__))[:80],
            "Convert it while recording.",
        )  # fmt: skip
    height, width, step = message.height, message.width, message.step
    each, data = _BYTES_A_PIXEL[message.encoding], np.frombuffer(bytes(message.data), np.uint8)
    if not (0 < height * width <= MAX_PIXELS and step >= width * each
            and data.size == height * step):  # fmt: skip
        raise InvalidInput(
            thing, "as many bytes as its size says", f"{data.size} bytes, step {step}",
            "The message is damaged.",
        )  # fmt: skip
    pixels = data.reshape(height, step)[:, : width * each].reshape(height, width, each)
    order = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "mono": [0, 0, 0]}[_CHANNELS[message.encoding]]
    return np.ascontiguousarray(pixels[:, :, order])
