"""A ROS 2 node that keeps what a camera and a model saw, and what became of the picks.

Needs rclpy, which comes with ROS 2 and not from PyPI; see the README beside this file.
"""

import json
from datetime import UTC, datetime

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import String

from januscl.core import Frame, InvalidInput
from januscl.core.message import pick_from_json
from januscl.core.wire import instances_from_json
from januscl.edge import Agent


class JanusNode(Node):
    """Joins pictures with what the model saw in them, by their stamps, and hears of picks.

    Subscribes to ``image`` (rgb8), to ``instances`` and to ``picks``, both JSON in a
    ``std_msgs/String``; publishes the id of each observation on ``observations``.
    """

    def __init__(self) -> None:
        super().__init__("janus")
        for name in ("robot", "camera", "server", "spool", "token_file"):
            self.declare_parameter(name, "")
        given = {
            name: self.get_parameter(name).get_parameter_value().string_value
            for name in ("robot", "camera", "server", "spool", "token_file")
        }
        self.robot, self.camera = given["robot"], given["camera"]
        with open(given["token_file"], encoding="utf-8") as file:
            token = file.read().strip()
        self.agent = Agent(self.robot, self.camera, given["server"], given["spool"], token)
        self.pictures: dict[str, Image] = {}
        self.seen = self.create_publisher(String, "observations", 10)
        self.create_subscription(Image, "image", self.on_image, qos_profile_sensor_data)
        self.create_subscription(String, "instances", self.on_instances, 10)
        self.create_subscription(String, "picks", self.on_pick, 10)

    def on_image(self, picture: Image) -> None:
        """Remember a picture until the model has seen it; the oldest of ten makes way."""
        self.pictures[_stamp(picture)] = picture
        while len(self.pictures) > 10:
            del self.pictures[next(iter(self.pictures))]

    def on_instances(self, message: String) -> None:
        """Keep a picture with what the model saw in it."""
        try:
            told = json.loads(message.data)
            picture = self.pictures.pop(told["stamp"], None)
            if picture is None:
                self.get_logger().warning(f"no picture of {told['stamp']}")
                return
            frame = Frame(_rgb(picture), self.camera, self.robot, _time(picture))
            found = instances_from_json(told["instances"])
            id = self.agent.observe(frame, found, told["model"])
        except (InvalidInput, ValueError, KeyError, TypeError) as error:
            self.get_logger().error(f"instances that cannot be read: {error}")
            return
        answer = {"stamp": told["stamp"], "observation": id}
        self.seen.publish(String(data=json.dumps(answer)))

    def on_pick(self, message: String) -> None:
        """Keep what became of a pick."""
        try:
            told = json.loads(message.data)
            self.agent.report(told["observation"], pick_from_json(told["pick"]))
        except (InvalidInput, ValueError, KeyError, TypeError) as error:
            self.get_logger().error(f"a pick that cannot be read: {error}")


def _stamp(picture: Image) -> str:
    stamp = picture.header.stamp
    return f"{stamp.sec}.{stamp.nanosec:09d}"


def _time(picture: Image) -> datetime:
    stamp = picture.header.stamp
    return datetime.fromtimestamp(stamp.sec + stamp.nanosec / 1e9, UTC)


def _rgb(picture: Image) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    if picture.encoding != "rgb8":
        raise ValueError(f"expected rgb8, found {picture.encoding}; convert it before")
    rows = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.step)
    return rows[:, : picture.width * 3].reshape(picture.height, picture.width, 3)


def main() -> None:
    """Run until interrupted."""
    rclpy.init()
    node = JanusNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.agent.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
