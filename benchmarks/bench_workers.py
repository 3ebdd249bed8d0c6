"""One worker and two, on PostgreSQL and S3, against the same work on SQLite and a folder.

Robots of a drawn site have sent pictures with embeddings and the outcomes of picks; all of it lies
in the inbox. Workers in processes of their own move it to the observation log and the catalogue,
and the one that leads watches it. Timed is, from the moment at which they all work, until the inbox
is empty and until everything was watched. PostgreSQL (with fsync) and moto's S3 server run on the
same machine, so they take their part of its cores too.

Compared with the embedded way is what is kept: every observation with its digests and outcome, the
keys and bytes of what is in the log, and what was rejected; each once. The events that triage made
are compared as well: they may differ where watching met frames in another order.

Run: ``python benchmarks/bench_workers.py [--repeats 3] [--messages 300] [--records 4]``; it prints
JSON. Needs the extras ``service``, ``train``, ``postgres`` and ``aws``, moto, and PostgreSQL's
server from Debian.
"""

import argparse
import hashlib
import io
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

HERE = Path(__file__).resolve()
SCENES = [str(HERE.parents[1] / "tests" / name) for name in ("line", "store")]
sys.path[:0] = SCENES

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from durable_scenes import prepare  # noqa: E402
from line_scenes import ALL, CELLS, START, as_seen, draw, known  # noqa: E402
from sqlalchemy import func, select  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402
from store_servers import Bucket, cluster, s3_server  # noqa: E402

from januscl.compute import LocalExecutor  # noqa: E402
from januscl.core import Outcome, Pick, new_id  # noqa: E402
from januscl.core.message import (  # noqa: E402
    Record,
    encode_batch,
    pick_to_json,
    record_to_json,
)
from januscl.core.wire import canonical  # noqa: E402
from januscl.line.draining import BATCH, OUTCOMES  # noqa: E402
from januscl.line.durable.engine import engine_of  # noqa: E402
from januscl.line.durable.fed import _fed as watched  # noqa: E402
from januscl.line.durable.floor import Floor  # noqa: E402
from januscl.line.durable.worker import Worker  # noqa: E402
from januscl.line.policy import Collecting, Policy, Watching  # noqa: E402
from januscl.line.shelf import Shelf  # noqa: E402
from januscl.store import Workspace  # noqa: E402
from januscl.store.tables import observations, rejects  # noqa: E402
from januscl.train import CompactModel  # noqa: E402

SIZE, DAY, SETTLE = 192, 86_400, 10
# Watching alone is timed: no novelty is worth a label, and so no training begins.
POLICY = Policy(Watching(cameras=True, seed=0), Collecting(min_cost=1e9))

Message = tuple[str, str, bytes]


def work(folder: str, place: str, name: str) -> None:
    """Be a worker until told to stop."""
    # What known kinds look like is drawn, as is all that these robots see.
    Floor._examples = lambda self, model: known(model)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Workspace.open(folder) as workspace:
        jobs = LocalExecutor(Path(folder).parent / "jobs", threads=1)
        Worker(workspace, place, name, POLICY, jobs).run(stop)
    os._exit(0)


def sent(count: int, records: int, first: int, model: str) -> list[Message]:
    """Return what robots send: batches with pictures and embeddings, and outcomes after each."""
    made, at = list[Message](), START + timedelta(days=first)
    every = timedelta(seconds=DAY / (count * records))
    cells = [cell for cell in CELLS if not cell.station]
    for number in range(count):
        cell, values, blobs, told = cells[number % len(cells)], [], dict[str, bytes](), []
        for k in range(records):
            seed = (first * count + number) * records + k
            at += every
            pile = draw(seed, (1, 2, 1, 2), SIZE)
            seen = as_seen(pile.truth, seed)
            packed = io.BytesIO()
            np.savez(packed, instances=seen.embeddings)
            jpeg = cv2.imencode(".jpg", pile.image[:, :, ::-1])[1].tobytes()
            digests = []
            for data in (jpeg + seed.to_bytes(8, "big"), packed.getvalue()):
                digests.append(hashlib.sha256(data).hexdigest())
                blobs[digests[-1]] = data
            id = new_id(at, seed.to_bytes(10, "big"))
            record = Record(id, cell.robot, cell.camera, at, SIZE, SIZE, model, seen, *digests)
            values.append(record_to_json(record))
            pick = Pick(0, (16.0, 16.0), Outcome.PICKED, at + timedelta(seconds=1))
            told.append({"observation": id, "pick": pick_to_json(pick)})
        made.append((cell.robot, BATCH, encode_batch(values, blobs)))
        made.append((cell.robot, OUTCOMES, canonical({"outcomes": told})))
    return made


@dataclass(frozen=True)
class Site:
    """Where a run keeps its state.

    Attributes:
        folder: Of the workspace.
        catalogue, blobs: URLs; None for the workspace's own.
        workflows: Where the workflows' database is.
    """

    folder: Path
    catalogue: str | None
    blobs: str | None
    workflows: str

    def open(self) -> Workspace:
        """Return the workspace."""
        return Workspace.open(self.folder, catalogue=self.catalogue, blobs=self.blobs)


@contextmanager
def workers(site: Site, names: list[str]) -> Iterator[None]:
    """Let workers work."""
    path = os.pathsep.join([*SCENES, *filter(None, [os.environ.get("PYTHONPATH")])])
    given = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with (site.folder.parent / "log").open("ab") as log:
        running = [
            subprocess.Popen(
                [sys.executable, HERE, "--work", str(site.folder), site.workflows, name],
                env=given, stdout=log, stderr=log,
            )
            for name in names
        ]  # fmt: skip
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


def until(true: Any, seconds: float = 300) -> float:
    """Wait until something is so, and return when that was."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
    return time.monotonic()


def run(site: Site, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Let workers move and watch everything; return how fast they were, and what is kept."""
    with site.open() as workspace:
        prepare(workspace)
        model = CompactModel.new(ALL, input_px=64)
        first = Shelf(workspace).add(model, START, parent=None, deck=None, card={"name": "first"})
        workspace.catalogue.aliases.set("champion", first.id)
        engine, inbox = engine_of(site.workflows), workspace.catalogue.inbox

        def seen() -> int:
            try:
                with engine.begin() as connection:
                    return connection.scalar(select(func.count()).select_from(watched)) or 0
            except SQLAlchemyError:  # no worker has made it yet
                return 0

        warm = sent(16, options.records, 0, first.id)
        many = sent(options.messages, options.records, 1, first.id)
        inbox.put_all(warm)
        with workers(site, names):
            until(lambda: not inbox.depth() and seen() == len(warm) // 2 * options.records)
            time.sleep(SETTLE)  # those that stand by have begun too
            start = time.monotonic()
            inbox.put_all(many)
            moved = until(lambda: not inbox.depth()) - start
            total = (len(warm) + len(many)) // 2 * options.records
            done = until(lambda: seen() == total) - start
        engine.dispose()
        count = options.messages * options.records
        return {"moved_s": count / moved, "watched_s": count / done, **kept(workspace)}


def kept(workspace: Workspace) -> dict[str, Any]:
    """Return what is kept of what was sent, and what triage made of it."""
    with workspace.catalogue.database.read() as connection:
        ids = list(connection.scalars(select(observations.c.id).order_by(observations.c.id)))
        rejected = connection.scalar(select(func.count()).select_from(rejects))
    rows = [workspace.catalogue.observations.get(id) for id in ids]
    facts = [(r.id, r.image, r.embeddings, r.pick and r.pick.outcome.value) for r in rows]
    keys = Counter(row["key"] for row in workspace.log.parcels(["key"]))
    records = Counter(row["id"] for row in workspace.log.scan(["id"]))
    return {
        "facts": hashlib.sha256(repr(facts).encode()).hexdigest(),
        "log": hashlib.sha256(repr((sorted(keys), sorted(records))).encode()).hexdigest(),
        "doubled": (keys - Counter(set(keys))).total() + (records - Counter(set(records))).total(),
        "rejected": rejected,
        "events": {
            (e.observation, e.kind.value, e.cause) for e in workspace.catalogue.events.list()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--records", type=int, default=4)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each of S3's requests
    found: dict[str, list[dict[str, Any]]] = {"embedded": [], "one": [], "two": []}
    with tempfile.TemporaryDirectory() as place, cluster() as postgres, s3_server() as address:
        for setting in ("fsync", "full_page_writes"):
            postgres.run(f"ALTER SYSTEM SET {setting} = on")
        postgres.run("SELECT pg_reload_conf()")
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": address,
        }  # fmt: skip
        for number in range(options.repeats):
            for way, names in (("embedded", ["a"]), ("one", ["a"]), ("two", ["a", "b"])):
                folder = Path(place) / f"{way}-{number}" / "w"
                folder.parent.mkdir()
                site = Site(folder, None, None, str(folder.parent / "workflows.db"))
                if way != "embedded":
                    database, second = (postgres.url(postgres.fresh()) for _ in range(2))
                    workflows = second.replace("+psycopg", "")
                    bucket = f"s3://{Bucket(address).name}/site"
                    site = Site(folder, database, bucket, workflows)
                found[way].append(run(site, names, options))
    print(json.dumps({**vars(options), **account(found)}, indent=2))


def account(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return medians with ranges, and what differs from the embedded way."""
    told: dict[str, Any] = {}
    for way, runs in found.items():
        for name in ("moved_s", "watched_s"):
            rates = sorted(run[name] for run in runs)
            middle = statistics.median(rates)
            told[f"{way}_{name}"] = [round(v, 1) for v in (middle, rates[0], rates[-1])]
        pairs = list(zip(found["embedded"], runs, strict=True))
        told[f"{way}_same"] = all(
            a[name] == b[name] for a, b in pairs for name in ("facts", "log", "rejected")
        )
        told[f"{way}_doubled"] = sum(run["doubled"] for run in runs)
        told[f"{way}_events"] = [len(run["events"]) for run in runs]
        told[f"{way}_other_events"] = [len(a["events"] ^ b["events"]) for a, b in pairs]
    for name in ("moved_s", "watched_s"):
        ratios = sorted(b[name] / a[name] for a, b in zip(found["one"], found["two"], strict=True))
        middle = statistics.median(ratios)
        told[f"two_to_one_{name}"] = [round(v, 2) for v in (middle, ratios[0], ratios[-1])]
    return told


if __name__ == "__main__":
    main()
