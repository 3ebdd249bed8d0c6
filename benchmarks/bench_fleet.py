"""Many simulated robots against one service: memory, losses, and what a robot costs.

Each robot has a token and a connection of its own and sends, every few seconds, a batch of
observations with masks and small pictures, and the outcomes of the picks before; it checks in twice
a minute. Robots begin at moments spread over a period. Whatever was not acknowledged is sent again.
The server and its worker run in processes of their own on the same machine, over SQLite and a
folder; the log is tidied every minute, ten times as often as by default, so that a run has some.

Told are: observations acknowledged and kept, each once; the time to an acknowledgement; resident
memory of server and worker, in tenths of the run and, over its last two thirds, as a slope with its
95% interval (over the means of ten equal stretches, as samples close to each other are alike);
processor time, bytes sent and bytes on the disk for each observation.

Run: ``python benchmarks/bench_fleet.py [--robots 500] [--seconds 60] [--every 10] [--batch 2]``; it
prints a table, or with ``--json`` an object. Needs the extra ``service``.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2
import httpx
import numpy as np

from januscl.core import Instances, Outcome, Pick, encode_mask, new_id
from januscl.core.message import MEDIA_TYPE, Record, encode_batch, pick_to_json, record_to_json
from januscl.core.wire import instances_to_json
from januscl.line.access import create_token
from januscl.store import Role, Workspace

HEIGHT, WIDTH, MASKS = 192, 192, 8
SERVE = "from januscl.cli.main import main; main()"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
T_95 = 2.306
"""Student's t for 8 degrees of freedom, two-sided 95%."""


class Sight:
    """A picture and what a model saw in it, from which any number of records are made."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        small = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
        image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        self.jpeg = bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
        masks = []
        for _ in range(MASKS):
            canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
            centre = tuple(int(v) for v in rng.integers(30, WIDTH - 30, 2))
            cv2.ellipse(canvas, centre, (25, 18), float(rng.integers(180)), 0, 360, 1, -1)
            masks.append(encode_mask(canvas))
        self.instances = Instances.of_masks(masks, [1] * MASKS)
        self.json = instances_to_json(self.instances)


@dataclass
class Told:
    """What the fleet was told."""

    accepted: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    sent_bytes: int = 0
    again: int = 0
    refused: int = 0


async def robot(
    name: str,
    client: httpx.AsyncClient,
    sights: list[Sight],
    told: Told,
    options: argparse.Namespace,
) -> None:
    rng = random.Random(name)
    await asyncio.sleep(rng.uniform(0, options.every))
    until = time.monotonic() + options.seconds - options.every
    before, next_check_in = list[str](), 0.0
    while time.monotonic() < until:
        start = time.monotonic()
        if start >= next_check_in:
            body = {"running": "m-0", "counters": {"observed": len(before)}, "error": None}
            await send(client, f"robots/{name}/check-in", told, json=body)
            next_check_in = start + 30
        made, blobs = batch(name, rng, sights, options.batch)
        answer = await send(
            client, "observations", told, content=encode_batch(made, blobs),
            headers={"Content-Type": MEDIA_TYPE},
        )  # fmt: skip
        told.seconds.append(time.monotonic() - start)
        told.accepted += answer["accepted"]
        told.refused += len(answer["rejected"])
        if before:
            pick = pick_to_json(Pick(0, (5.0, 5.0), Outcome.PICKED, datetime.now(UTC)))
            picks = [{"observation": id, "pick": pick} for id in before]
            await send(client, "outcomes", told, json={"outcomes": picks})
        before = answer["accepted"]
        await asyncio.sleep(max(0.0, options.every - (time.monotonic() - start)))


def batch(
    name: str, rng: random.Random, sights: list[Sight], count: int
) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    records, blobs = [], {}
    for _ in range(count):
        sight, id = rng.choice(sights), new_id()
        data = sight.jpeg + id.encode()  # after the picture's end: other bytes, the same decoding
        digest = hashlib.sha256(data).hexdigest()
        none = Instances.of_masks([], [])
        record = Record(
            id, name, f"cam-{name}", datetime.now(UTC), HEIGHT, WIDTH, "m-0", none, digest
        )
        records.append({**record_to_json(record), "instances": sight.json})
        blobs[digest] = data
    return records, blobs


async def send(
    client: httpx.AsyncClient, path: str, told: Told, **request: object
) -> dict[str, list[str]]:
    """Send until it is acknowledged."""
    while True:
        try:
            answer = await client.post(f"/api/v1/{path}", **request)
        except httpx.HTTPError:
            told.again += 1
            await asyncio.sleep(0.5)
            continue
        told.sent_bytes += len(answer.request.content)
        if answer.status_code == 200:
            return answer.json()
        told.again += 1
        await asyncio.sleep(float(answer.headers.get("Retry-After", 0.5)))


class Process:
    """What a process and its children use, as the kernel counts it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def all(self) -> list[int]:
        """Return the ids of it and its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        for thread in threads:
            children += (thread / "children").read_text().split()
        return [self.pid, *sorted({int(child) for child in children})]

    def memory(self) -> tuple[float, float]:
        """Return resident MiB of it, and of its children together."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.all()]
        return pages[0] * PAGE / 2**20, sum(pages[1:]) * PAGE / 2**20

    def seconds(self) -> tuple[float, float]:
        """Return the processor's time of it, and of its children together."""
        found = []
        for pid in self.all():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found.append((int(fields[11]) + int(fields[12])) / TICKS)
        return found[0], sum(found[1:])


Samples = list[tuple[float, float, float]]
"""Seconds since the start, and resident MiB of the server and of its worker."""


async def watch(process: Process, found: Samples) -> None:
    start = time.monotonic()
    while True:
        found.append((time.monotonic() - start, *process.memory()))
        await asyncio.sleep(0.25)


def parts(found: Samples, which: int) -> str:
    """Return the mean MiB of the server (1) or worker (2) in each tenth of the run."""
    return " ".join(f"{part[:, which].mean():.0f}" for part in np.array_split(found, 10))


def slope(found: Samples, which: int) -> str:
    """Return MiB a minute of the server (1) or worker (2), with the 95% interval's half width."""
    late = np.array_split(np.asarray(found[len(found) // 3 :]), 10)
    x = np.array([part[:, 0].mean() / 60 for part in late])
    y = np.array([part[:, which].mean() for part in late])
    centred = x - x.mean()
    rise = float(centred @ y / (centred @ centred))
    rest = y - y.mean() - rise * centred
    half = T_95 * float(np.sqrt(rest @ rest / 8 / (centred @ centred)))
    return f"{rise:.1f} +- {half:.1f}"


async def fleet(
    address: str, tokens: dict[str, str], told: Told, options: argparse.Namespace
) -> None:
    sights = [Sight(seed) for seed in range(8)]
    limits = httpx.Limits(max_connections=1)
    clients = {
        name: httpx.AsyncClient(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60,
            limits=limits, verify=False,
        )
        for name, token in tokens.items()
    }  # fmt: skip
    try:
        await asyncio.gather(
            *(robot(name, client, sights, told, options) for name, client in clients.items())
        )
    finally:
        await asyncio.gather(*(client.aclose() for client in clients.values()))


async def run(
    address: str, process: Process, tokens: dict[str, str], options: argparse.Namespace
) -> tuple[Told, Samples, tuple[float, float], float]:
    told, memory = Told(), Samples()
    watching = asyncio.create_task(watch(process, memory))
    used, start = process.seconds(), time.monotonic()
    await fleet(address, tokens, told, options)
    took = time.monotonic() - start
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        while "janus_inbox_depth 0.0" not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.2)
    watching.cancel()
    server, worker = (now - then for now, then in zip(process.seconds(), used, strict=True))
    return told, memory, (server, worker), took


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    place = folder / "workspace"
    names = [f"robot-{n}" for n in range(options.robots)]
    with Workspace.open(place) as opened:
        tokens = {n: create_token(opened.catalogue, n, Role.ROBOT, n)[0] for n in names}
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    line = [sys.executable, "-c", SERVE, "serve", "-w", str(place), "--port", str(port)]
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, **SETTINGS})
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        told, memory, used, took = asyncio.run(run(address, Process(server.pid), tokens, options))
    finally:
        server.terminate()
        server.wait(60)
    return account(place, told, memory, used, took, options)


SETTINGS = {"JANUS_LOG_LEVEL": "warning", "JANUS_TEND_SECONDS": "60"}


def account(
    place: Path, told: Told, memory: Samples, used: tuple[float, float], took: float,
    options: argparse.Namespace,
) -> dict[str, object]:  # fmt: skip
    with Workspace.open(place) as opened:
        kept = [row.id for row in opened.catalogue.observations.list()]
        logged = [row["id"] for row in opened.log.scan(["id"])]
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    count = len(told.accepted)
    server, worker = (1000 * seconds / count for seconds in used)
    rate = count / took
    ordered = sorted(told.seconds)
    return {
        "robots": options.robots,
        "observations acknowledged": count,
        "lost": len(set(told.accepted) - set(kept)) + len(set(kept) - set(logged)),
        "doubled": len(kept) - len(set(kept)) + len(logged) - len(set(logged)),
        "refused": told.refused,
        "sent again": told.again,
        "observations a second": round(rate, 1),
        "acknowledged, median ms": round(1000 * statistics.median(ordered), 1),
        "acknowledged, 99% ms": round(1000 * ordered[int(0.99 * len(ordered))], 1),
        "server, MiB by tenths": parts(memory, 1),
        "server slope, MiB a minute": slope(memory, 1),
        "worker, MiB by tenths": parts(memory, 2),
        "worker slope, MiB a minute": slope(memory, 2),
        "server, processor ms an observation": round(server, 2),
        "worker, processor ms an observation": round(worker, 2),
        "cores taken": round((server + worker) * rate / 1000, 2),
        "bytes sent an observation": round(told.sent_bytes / count),
        "bytes on disk an observation": round(size / count),
        "processor s a robot and hour": round(
            (server + worker) / 1000 * options.batch * 3600 / options.every, 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:36} {value}")


if __name__ == "__main__":
    main()
