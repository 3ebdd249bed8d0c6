"""A service on this machine that hands out weights, and what goes wrong with services."""

import hashlib
import json
import struct
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from januscl.core import Instances, encode_mask
from januscl.core.message import model_statement
from januscl.edge.desired import Desired
from januscl.edge.download import Download
from januscl.edge.selftest import predicts
from januscl.edge.slot import ModelSlot

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
FRAME = np.zeros((4, 6, 3), np.uint8)
TOKEN = "a-robots-secret"


def public_text(key=KEY):
    return b64encode(key.public_key().public_bytes_raw()).decode()


def weights(behaviour="good", size=200_000, seed=0):
    """A safetensors file of a model that behaves so."""
    data = np.random.default_rng(seed).bytes(size)
    header = json.dumps(
        {
            "__metadata__": {"behaviour": behaviour},
            "w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
        }
    ).encode()
    return struct.pack("<Q", len(header)) + header + data


def signed(id, data, key=KEY):
    sha = hashlib.sha256(data).hexdigest()
    signature = key.sign(model_statement(id, sha, len(data)))
    return Desired(id, sha, len(data), b64encode(signature).decode())


def processes():
    """Processes that start in a few milliseconds, without this one's threads."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["januscl.edge.slot", "januscl.edge.download", "januscl.edge.selftest", "httpx",
         "cryptography.hazmat.primitives.asymmetric.ed25519"]
    )  # fmt: skip
    return context


class ToyModel:
    def __init__(self, behaviour, digest):
        self.behaviour, self.digest = behaviour, digest

    def predict(self, images):
        if self.behaviour == "raises":
            raise RuntimeError("a layer is missing")
        seen = [Instances.of_masks([encode_mask(image[:, :, 0] == 0)], [1]) for image in images]
        if self.behaviour == "nan":
            seen[0].scores[:] = np.nan  # as a model that was never checked would
        return seen[:-1] if self.behaviour == "short" else seen


def load_toy(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    behaviour = json.loads(data[8 : 8 + length])["__metadata__"]["behaviour"]
    if behaviour == "unreadable":
        raise ValueError("no such architecture")
    return ToyModel(behaviour, hashlib.sha256(data).hexdigest())


class Server:
    """Its fields say what it serves and how it behaves.

    ``cuts``: after how many bytes each of the next answers ends, None for not at all.
    """

    def __init__(self):
        self.files, self.cuts, self.asked = {}, [], []
        self.ranges = self.length = True
        self.status, self.pause, self.sent = 200, 0.0, 0
        self.url = ""

    def put(self, id, data, key=KEY):
        self.files[id] = data
        return signed(id, data, key)

    def slot(self, folder, *, load=load_toy, self_test=None, seconds=30.0, key=None, **limits):
        return ModelSlot(
            folder,
            public_text() if key is None else key,
            load,
            self_test or predicts([FRAME]),
            Download(self.url, TOKEN, seconds=seconds, timeout=5.0),
            **limits,
        )


@contextmanager
def serving():
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.close_connection = True
            id, asked = self.path.split("/")[-2], self.headers.get("Range")
            server.asked.append((id, asked))
            status = server.status if id in server.files else 404
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                status = 401
            data = server.files.get(id, b"") if status == 200 else b""
            start = int(asked[6:-1]) if asked and server.ranges and data else 0
            if start >= len(data) > 0:
                status, data, start = 416, b"", 0
            self.send_response(206 if start else status)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if server.length:
                self.send_header("Content-Length", str(len(data) - start))
            self.send_header("Connection", "close")
            self.end_headers()
            self.send(data[start:])

        def send(self, data):
            cut = server.cuts.pop(0) if server.cuts else None
            data = data if cut is None else data[:cut]
            for at in range(0, len(data), 16_384):
                piece = data[at : at + 16_384]
                self.wfile.write(piece)
                server.sent += len(piece)
                time.sleep(server.pause)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            """A robot that was killed in the middle is no news."""

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
