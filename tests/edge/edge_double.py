import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from januscl.core import Frame, Instances, Outcome, Pick, encode_mask
from januscl.core.message import MEDIA_TYPE, decode_batch, pick_from_json, record_from_json
from januscl.edge import Limits

SIZE = (48, 64)


class Service(ThreadingHTTPServer):
    """Speaks the wire as the service does, and fails as networks do.

    ``faults`` are used up one a request: a status, or ``cut`` (nothing is read), ``half read``,
    ``lost answer`` (it was kept, but the robot does not hear so), ``half answer``, ``slow``,
    ``page`` (a proxy's). ``down`` refuses all.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.records, self.outcomes, self.images = {}, {}, {}
        self.arrivals, self.order, self.check_ins, self.tokens = Counter(), [], [], set()
        self.faults, self.down, self.refuse = [], False, {}
        self.retry_after, self.ahead = None, timedelta()
        self.answer = {"model": None, "wanted": [], "campaigns": []}
        self.lock = threading.Lock()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.take()

    def do_PUT(self):
        self.take()

    def take(self):
        with self.server.lock:
            fault = 503 if self.server.down else None
            if fault is None and self.server.faults:
                fault = self.server.faults.pop(0)
        length = int(self.headers["Content-Length"])
        if fault in ("cut", "half read"):
            self.rfile.read(length // 2 if fault == "half read" else 0)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault == "slow":
            time.sleep(0.3)
        if isinstance(fault, int):
            self.reply(fault, {"error": {"thing": "service", "found": "a fault"}})
            return
        if fault == "page":
            self.reply(200, None, b"<html>Please log in</html>")
            return
        status, answer = self.serve(body)
        if fault in ("lost answer", "half answer"):
            if fault == "half answer":
                self.send_response(status)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"accepted": [')
                self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.reply(status, answer)

    def serve(self, body):
        service = self.server
        path = self.path.removeprefix("/api/v1/").split("/")
        with service.lock:
            service.tokens.add(self.headers["Authorization"])
            if path[-1] == "check-in":
                service.check_ins.append(json.loads(body))
                return 200, service.answer
            if path[-1] == "image":
                if path[1] not in service.records:
                    return 404, {"error": {"thing": "observation", "found": "none"}}
                service.images[path[1]] = body
                service.order.append("image")
                return 204, None
            if path == ["outcomes"]:
                given = {o["observation"]: pick_from_json(o["pick"])
                         for o in json.loads(body)["outcomes"]}  # fmt: skip
                return self.settle("outcome", given, service.outcomes)
            assert self.headers["Content-Type"] == MEDIA_TYPE
            batch = decode_batch(body)
            given = {r.id: r for r in map(record_from_json, batch.records)}
            if any(reason == 422 for id, reason in service.refuse.items() if id in given):
                return 422, {"error": {"thing": "record", "found": "rubbish"}}
            assert {r.embeddings for r in given.values()} - {None} == set(batch.blobs)
            return self.settle("record", given, service.records)

    def settle(self, what, given, kept):
        service = self.server
        refused = {id: reason for id, reason in service.refuse.items() if id in given}
        for id, value in given.items():
            if id not in refused:
                kept[id] = value
                service.arrivals[what, id] += 1
                service.order.append(what)
        rejected = [{"id": id, "reason": reason} for id, reason in refused.items()]
        return 200, {"accepted": [id for id in given if id not in refused], "rejected": rejected}

    def reply(self, status, answer, data=None):
        data = (
            data if data is not None else (b"" if answer is None else json.dumps(answer).encode())
        )
        self.send_response_only(status)
        now = datetime.now(UTC) + self.server.ahead
        self.send_header("Date", format_datetime(now, usegmt=True))
        self.send_header("Content-Length", str(len(data)))
        if self.server.retry_after is not None:
            self.send_header("Retry-After", str(self.server.retry_after))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


@contextmanager
def serving():
    server = Service()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def frame(value=0, size=SIZE, robot="arm", camera="eye"):
    return Frame(np.full((*size, 3), value % 256, np.uint8), camera, robot, datetime.now(UTC))


def instances(count=2, size=SIZE, embedded=False):
    masks = []
    for index in range(count):
        mask = np.zeros(size, bool)
        mask[4 * index : 4 * index + 9, 3:20] = True
        masks.append(encode_mask(mask))
    seen = Instances.of_masks(masks, range(1, count + 1))
    if not embedded:
        return seen
    return Instances(
        seen.masks, seen.boxes, seen.scores, seen.labels,
        np.arange(3 * count, dtype=np.float32).reshape(count, 3), np.ones(3, np.float32),
    )  # fmt: skip


def pick(outcome=Outcome.PICKED):
    return Pick(0, (10.0, 8.0), outcome, datetime.now(UTC))


def eventually(holds, within=10.0):
    """Wait until it holds; what it last gave is shown where it does not."""
    end = time.monotonic() + within
    while not (value := holds()):
        assert time.monotonic() < end, value
        time.sleep(0.01)
    return value


def quick(**changes):
    given = {"send_every_s": 0.02, "check_in_s": 0.05, "random_share": 0.0, **changes}
    return Limits(**given)
