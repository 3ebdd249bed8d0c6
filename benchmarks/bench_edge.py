"""The robot's side: what `observe` costs the robot's cycle, what the spool takes, the import.

Run: ``python benchmarks/bench_edge.py [--repetitions 5] [--folder DIR]``. The disk is the one that
DIR is on; a file system in memory tells nothing about syncing.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from januscl.core import Frame, Instances, Outcome, Pick, encode_mask, new_id
from januscl.edge import Agent, Keep, Limits
from januscl.edge.counters import Counters
from januscl.edge.journal import Journal
from januscl.edge.packing import pack
from januscl.edge.spool import Row, Spool

HEIGHT, WIDTH, MASKS = 480, 640, 12
JPEG_BYTES = 60_000
NOWHERE = "http://127.0.0.1:9"


def scene(seed: int) -> tuple[Frame, Instances]:
    """Return a frame that looks like a picture, not like noise, and 12 masks on it."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = rng.integers(0, 255, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image = cv2.add(image, rng.integers(0, 12, image.shape, dtype=np.uint8))
    masks = []
    for _ in range(MASKS):
        y, x = rng.integers(80, 400), rng.integers(80, 560)
        high, wide = rng.integers(40, 90, 2)
        masks.append(encode_mask(((rows - y) / high) ** 2 + ((columns - x) / wide) ** 2 < 1))
    seen = Instances(
        tuple(masks), rng.random((MASKS, 4), dtype=np.float32) * 100,
        rng.random(MASKS, dtype=np.float32), np.arange(1, MASKS + 1),
    )  # fmt: skip
    return Frame(image, "eye", "arm", datetime.now(UTC)), seen


def waited() -> float:
    """Return the seconds that this thread was ready and had no core, because others ran."""
    own = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(own.read_text().split()[1]) / 1e9


def observe(folder: Path, cycles: int, pause: float) -> tuple[list[float], ...]:
    """Return the seconds of each `observe`, of it without waits for a core, of each `report`."""
    frame, seen = scene(0)
    looks, alone, tells = [], [], []
    with Agent("arm", "eye", NOWHERE, folder / "agent", "secret") as agent:
        time.sleep(0.5)
        for number in range(cycles):
            before, start = waited(), time.perf_counter()
            id = agent.observe(frame, seen, "m-1")
            looks.append(time.perf_counter() - start)
            alone.append(looks[-1] - (waited() - before))
            assert id is not None
            time.sleep(pause)
            outcome = Outcome.MISSED if number % 20 == 0 else Outcome.PICKED
            pick = Pick(0, (1.0, 1.0), outcome, datetime.now(UTC))
            start = time.perf_counter()
            assert agent.report(id, pick)
            tells.append(time.perf_counter() - start)
    return looks, alone, tells


def until_pixels(folder: Path, frames: int) -> list[float]:
    """Return the seconds from the end of each `observe` until its pixels are on the disk."""
    frame, seen = scene(0)
    took = []
    with Agent("arm", "eye", NOWHERE, folder / "pixels", "secret") as agent:
        watch = sqlite3.connect(folder / "pixels" / "spool.sqlite")
        for _ in range(frames):
            id = agent.observe(frame, seen, "m-1")
            start = time.perf_counter()
            while not watch.execute("SELECT 1 FROM pixels WHERE id = ?", (id,)).fetchone():
                time.sleep(0.002)
            took.append(time.perf_counter() - start)
        watch.close()
    return took


def spool_rate(folder: Path, batches: int) -> float:
    """Return observations a second that become durable, each with 60 KB of JPEG."""
    frame, seen = scene(0)
    jpegs = [os.urandom(JPEG_BYTES) for _ in range(16)]
    counters = Counters()
    spool = Spool(folder / "spool.sqlite", 256 * 2**20, counters)
    journal = Journal(folder / "journal", 8 * 2**20, None)
    start = time.perf_counter()
    for _ in range(batches):
        rows = []
        for _ in jpegs:
            id = new_id()
            packed = pack(id, frame, seen, "m-1", ())
            journal.append(packed)
            rows.append(Row(id, Keep.ORDINARY, packed))
        pixels = [Row(r.id, r.keep, jpeg) for r, jpeg in zip(rows, jpegs, strict=True)]
        place = journal.pending()[-1].end
        spool.take_in(place, rows, (), pixels)
        journal.release(place)
    took = time.perf_counter() - start
    kept = spool.stored("pixels", Keep.ORDINARY)
    assert kept + counters.all().get("dropped_ordinary_pixels", 0) == batches * len(jpegs)
    spool.close()
    journal.close()
    return batches * len(jpegs) / took


def agent_rate(folder: Path, cycles: int) -> float:
    """Return observations a second through the agent, JPEG encoding included, until all is kept."""
    frame, seen = scene(0)
    limits = Limits(ring_bytes=2**30)
    start = time.perf_counter()
    with Agent("arm", "eye", NOWHERE, folder / "rate", "secret", limits) as agent:
        start = time.perf_counter()
        for _ in range(cycles):
            while agent.observe(frame, seen, "m-1") is None:
                time.sleep(0.001)
        agent.close(60.0)
        took = time.perf_counter() - start
        assert not [name for name in agent.counters() if name.startswith("missed")]
    return cycles / took


def import_time() -> float:
    """Return the seconds that importing the agent takes in a new process."""
    program = (
        "import time; a = time.perf_counter(); from januscl.edge import Agent; "
        "print(time.perf_counter() - a)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def ways_to_sync(folder: Path, writes: int) -> dict[str, list[float]]:
    """Return the seconds that each way took to bring 10 KB to the disk; why there is a journal."""
    data = os.urandom(10_000)
    appended = os.open(folder / "appended", os.O_CREAT | os.O_WRONLY | os.O_DSYNC | os.O_APPEND)
    journal = Journal(folder / "in_place", 8 * 2**20, None)
    sql = sqlite3.connect(folder / "direct.sqlite", isolation_level=None)
    sql.execute("PRAGMA journal_mode = WAL")
    sql.execute("PRAGMA synchronous = FULL")
    sql.execute("CREATE TABLE kept (id TEXT PRIMARY KEY, data BLOB)")

    def in_place() -> None:
        journal.append(data)
        journal.release(journal.pending()[-1].end)

    ways: dict[str, Callable[[], object]] = {
        "preallocated O_DSYNC journal": in_place,
        "O_DSYNC append": lambda: os.write(appended, data),
        "SQLite commit, WAL, FULL": lambda: sql.execute(
            "INSERT INTO kept VALUES (?, ?)", (new_id(), data)
        ),
    }
    took = {name: [timed(way) for _ in range(writes)] for name, way in ways.items()}
    os.close(appended)
    journal.close()
    sql.close()
    return took


def timed(way: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def shown(runs: Sequence[Sequence[float]], what: str) -> str:
    """Return p50, p99 and the longest of several runs in ms: the median run and the range."""
    parts = []
    for name, at in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        each = [1000 * sorted(run)[min(len(run) - 1, int(at * len(run)))] for run in runs]
        low, high = min(each), max(each)
        parts.append(f"{name} {statistics.median(each):.2f} ms ({low:.2f} to {high:.2f})")
    return f"{what}: {', '.join(parts)}"


def rates(values: Sequence[float], what: str, unit: str) -> str:
    """Return the median and the range."""
    low, high = min(values), max(values)
    return f"{what}: {statistics.median(values):.4g} {unit} ({low:.4g} to {high:.4g})"


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--cycles", type=int, default=400)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    again = range(asked.repetitions)
    with TemporaryDirectory(dir=asked.folder) as name:
        folders = [Path(name) / str(number) for number in again]
        for folder in folders:
            folder.mkdir()
        for pause, what in ((0.02, "with 20 ms between"), (0.0, "back to back")):
            runs = [observe(f / f"{pause}", asked.cycles, pause) for f in folders]
            calls = ("observe 640x480, 12 masks", "observe without waits for a core", "report")
            for number, call in enumerate(calls):
                print(shown([r[number] for r in runs], f"{call}, {what}"), flush=True)
        late = [until_pixels(f, asked.cycles // 6) for f in folders]
        print(shown(late, "until the pixels are on the disk too"), flush=True)
        synced = [ways_to_sync(f, asked.cycles) for f in folders]
        for way in synced[0]:
            print(shown([s[way] for s in synced], f"10 KB to the disk, {way}"), flush=True)
        spooled = [spool_rate(f, asked.batches) for f in folders]
        print(rates(spooled, "spooled, metadata and 60 KB JPEG durable", "a second"), flush=True)
        through = [agent_rate(f, asked.cycles) for f in folders]
        print(rates(through, "through the agent, encoding included", "a second"), flush=True)
    print(rates([import_time() for _ in again], "from januscl.edge import Agent", "s"))


if __name__ == "__main__":
    main()
