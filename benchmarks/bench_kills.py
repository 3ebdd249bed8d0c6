"""Kill -9 at random moments, under load: workers, the API, the robots' agent, the executor's jobs.

    python benchmarks/bench_kills.py --kills 200 --seed 0 [--results FILE] [--seconds 1200]

Three robots of a drawn site observe and report through `januscl.edge.Agent`, over HTTP; a person
labels; two workers stand by for each other; trainings and verdicts run as jobs. After a random
while one of these processes is killed and started again. Each of the four kinds gets a quarter of
the kills: a job is killed at a random moment of its few seconds, whenever one runs, the others in
between. Then nothing is killed any more until all that was acknowledged has arrived and the
workflow has ended. A fresh site follows, until all kills are spent.

With ``--results`` each site's account is added to a file, and those that are there count: a run
that was broken off is gone on with. With ``--seconds`` no site is begun after so long.

Printed as JSON, summed over the sites: kills of each, observations and outcomes that an agent
acknowledged, those of them that are missing or doubled, effects of a workflow's step that are
missing or doubled, jobs that were started more often than they were killed and once, and workflows
that did not end. All of the latter must be 0. The models are stand-ins: nothing is learned here.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

HERE = Path(__file__).resolve()
SCENES = HERE.parents[1] / "tests" / "line"
sys.path.insert(0, str(SCENES))

import numpy as np  # noqa: E402
from durable_scenes import COUNTED, answers, closed, prepare  # noqa: E402
from line_scenes import ALL, CELLS, START, as_seen, draw  # noqa: E402

from januscl.core import Frame, NotFound, Outcome, Pick  # noqa: E402
from januscl.line.access import create_token  # noqa: E402
from januscl.line.shelf import Shelf  # noqa: E402
from januscl.line.standing import Standing  # noqa: E402
from januscl.store import Role, Workspace  # noqa: E402

QUIET = "quiet"
"""File in a site's folder: its robots only send what they have."""
PATIENCE = 240
"""Seconds after the last kill within which everything must have ended."""
KINDS = ("agent", "api", "worker", "job")
AT_ONE_SITE = 8
"""Kills of each kind at one site at most, so that they fall into many moments of many cycles."""
TRIES = 4
"""Kills of one job; the workflow tries five times before it gives the novelty back."""
JOB_SECONDS = 1.5
"""A job is killed within so long of its start, if it lasts."""


def robots(folder: Path, port: int, secrets: dict[str, str]) -> None:
    """Observe and report until killed; what an agent acknowledged is written to a file first."""
    from januscl.edge import Agent
    from januscl.edge.limits import Limits

    limits = Limits(
        spool_bytes=64 * 2**20, journal_bytes=2**20, random_share=1.0, send_every_s=0.1,
        check_in_s=1.0,
    )  # fmt: skip
    server = f"http://127.0.0.1:{port}"
    agents = {
        cell.robot: Agent(
            cell.robot, cell.camera, server, folder / "spools" / cell.robot, secrets[cell.robot],
            limits,
        )
        for cell in CELLS
    }  # fmt: skip
    with Workspace.open(folder / "w") as workspace, (folder / "acknowledged").open("a") as file:
        standing = Standing(workspace.catalogue, CELLS)
        champion = next(m.id for m in workspace.catalogue.models.list() if m.parent is None)
        count = int(time.time() * 1000) % 10**9
        while True:
            while (folder / QUIET).exists():
                time.sleep(0.2)
            count += 1
            runs = standing.runs()
            for number, cell in enumerate(CELLS):
                seed = count * len(CELLS) + number
                kinds = (3, 2, 1, 2) if seed % 2 else (1, 2, 1, 2)
                pile, now, model = draw(seed, kinds), datetime.now(UTC), runs[cell.robot]
                look = pile.truth
                if model != champion:  # it knows what was new
                    look = replace(look, labels=np.where(look.labels == 3, 1, look.labels))
                frame = Frame(pile.image, cell.camera, cell.robot, now)
                id = agents[cell.robot].observe(frame, as_seen(look, seed), model)
                assert id is not None
                file.write(f"saw {id} {seed} {seed % 2}\n")
                file.flush()
                bad = seed % 2 and model == champion
                outcome = Outcome.MISSED if bad else Outcome.PICKED
                if agents[cell.robot].report(id, Pick(0, (16.0, 16.0), outcome, now)):
                    file.write(f"picked {id} {outcome.value}\n")
                    file.flush()
            time.sleep(0.1)


@dataclass
class Site:
    """One site with its processes.

    Attributes:
        kills: How often each was killed.
        jobs: Kills of each job.
    """

    folder: Path
    port: int
    secrets: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)

    def start(self, name: str) -> None:
        """Start one of the processes."""
        janus = [sys.executable, "-c", "from januscl.cli.main import main; main()"]
        line = {
            "api": [*janus, "serve", "-w", self.folder / "w", "--no-worker", "--port", self.port],
            "agent": [sys.executable, HERE, "--robots", self.folder, "--port", self.port],
        }.get(name, [sys.executable, SCENES / "durable_shift.py", self.folder, name])
        path = os.pathsep.join([str(SCENES), *filter(None, [os.environ.get("PYTHONPATH")])])
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [str(word) for word in line], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": path, "SECRETS": json.dumps(self.secrets)},
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill a process and start it again."""
        self.running[name].kill()
        self.running[name].wait()
        self.kills["worker" if name in ("one", "two") else name] += 1
        self.start(name)

    def job(self) -> Path | None:
        """Return the folder of a job that runs and may be killed."""
        for folder in sorted((self.folder / "jobs").glob("*/")):
            whole = (folder / "result.json").exists()
            if not whole and self.jobs[folder.name] < TRIES and pid_of(folder) is not None:
                return folder
        return None

    def kill_job(self, folder: Path) -> None:
        """Kill a job, unless it has ended meanwhile."""
        pid = pid_of(folder)
        if pid is not None and not (folder / "result.json").exists():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
                self.kills["job"] += 1
                self.jobs[folder.name] += 1

    def keep_up(self) -> None:
        """Start again what ended by itself, as a supervisor does."""
        for name, process in self.running.items():
            if process.poll() is not None:
                self.start(name)

    def end(self) -> None:
        """Stop all processes."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()

    def lines(self, word: str) -> list[list[str]]:
        """Return what the agents acknowledged."""
        path = self.folder / "acknowledged"
        told = path.read_text().splitlines(keepends=True) if path.exists() else []
        whole = [line.split() for line in told if line.endswith("\n")]
        return [rest for first, *rest in whole if first == word]


def pid_of(folder: Path) -> int | None:
    """Return the process of a job, if it runs."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int((folder / "pid").read_text())
        if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
            return pid
    return None


class Truth:
    """The truth of a frame by its id, as the robots' program wrote down how it was drawn."""

    def __init__(self, site: Site) -> None:
        self._site, self._known = site, dict[str, Any]()

    def __getitem__(self, id: str) -> Any:
        if id not in self._known:
            self._known |= {i: (int(s), int(odd)) for i, s, odd in self._site.lines("saw")}
        seed, odd = self._known[id]
        return draw(seed, (3, 2, 1, 2) if odd else (1, 2, 1, 2)).truth


def opened(folder: Path) -> Site:
    """Make a site with its past, its champion and its tokens, and start it."""
    from januscl.train import CompactModel

    folder.mkdir()
    with Workspace.open(folder / "w") as workspace:
        prepare(workspace)
        shelf = Shelf(workspace)
        model = CompactModel.new(ALL, input_px=64)
        first = shelf.add(model, START, parent=None, deck=None, card={"name": "first"})
        workspace.catalogue.aliases.set("champion", first.id)
        secrets = {
            cell.robot: create_token(workspace.catalogue, cell.robot, Role.ROBOT, cell.robot)[0]
            for cell in CELLS
        }
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    site = Site(folder, port, secrets)
    for name in ("api", "one", "two", "agent"):
        site.start(name)
    return site


def arrived(site: Site, workspace: Workspace) -> bool:
    """Say whether all that was acknowledged to the robots is in the catalogue."""
    if workspace.catalogue.inbox.depth():
        return False
    picked = {id for id, _ in site.lines("picked")}
    try:
        seen = {id: workspace.catalogue.observations.get(id) for id, *_ in site.lines("saw")}
    except NotFound:
        return False
    return all(row.pick is not None for id, row in seen.items() if id in picked)


def count(site: Site, workspace: Workspace) -> Counter[str]:
    """Count what was acknowledged, and what went wrong."""
    catalogue, found = workspace.catalogue, Counter[str]()
    saw, picked = site.lines("saw"), site.lines("picked")
    found["observations"], found["outcomes"] = len(saw), len(picked)
    found["observations_lost"] = found["outcomes_lost"] = found["effects_lost"] = 0
    for id, *_ in saw:
        try:
            catalogue.observations.get(id)
        except NotFound:
            found["observations_lost"] += 1
    for id, outcome in picked:
        with suppress(NotFound):
            pick = catalogue.observations.get(id).pick
            found["outcomes_lost"] += pick is None or pick.outcome.value != outcome
    kept = [row["id"] for row in workspace.log.scan(["id"])]
    kept += [row["key"] for row in workspace.log.parcels(["key"])]
    found["observations_doubled"] = len(kept) - len(set(kept))
    steps = Counter(
        (row.action, row.detail["step"]) for row in catalogue.audit.list() if "step" in row.detail
    )
    found["steps"] = len(steps)
    found["effects_doubled"] = sum(number - 1 for number in steps.values())
    found["workflows_ended"] = int(closed(workspace))
    found["workflows_left"] = int(not closed(workspace))
    if closed(workspace):
        done = Counter(row.action for row in catalogue.audit.list())
        found["effects_doubled"] += sum(max(0, done[name] - 1) for name in COUNTED)
        found["effects_lost"] = sum(done[name] == 0 for name in COUNTED)
        for number, right in (
            (len(catalogue.decks.list()), 2), (len(catalogue.models.list()), 2),
            (len(catalogue.verdicts.list()), 1), (len(catalogue.releases.list()), 1),
        ):  # fmt: skip
            found["effects_doubled"] += max(0, number - right)
    starts = Counter((site.folder / "jobs" / "starts").read_text().split())
    found["jobs"] = len(starts)
    found["jobs_doubled"] = sum(max(0, starts[job] - 1 - site.jobs[job]) for job in starts)
    return found


def spend(site: Site, left: Counter[str], chance: random.Random) -> None:
    """Kill what is left of each kind, or until the site's novelty is closed; then wait for all."""
    left = Counter({kind: min(number, AT_ONE_SITE) for kind, number in left.items()})
    with Workspace.open(site.folder / "w") as workspace:
        pause = until(chance)
        while (left - site.kills).total() and not closed(workspace):
            time.sleep(0.05)
            site.keep_up()
            due = [kind for kind in KINDS if left[kind] > site.kills[kind]]
            job = site.job() if "job" in due else None
            if job is not None:
                time.sleep(chance.uniform(0.0, JOB_SECONDS))
                site.kill_job(job)
            elif time.monotonic() > pause and due != ["job"]:
                kind = chance.choice([kind for kind in due if kind != "job"])
                site.kill(chance.choice(["one", "two"]) if kind == "worker" else kind)
                pause = until(chance)
        deadline = time.monotonic() + PATIENCE
        while not closed(workspace) and time.monotonic() < deadline:
            time.sleep(0.5)
            site.keep_up()
        # The last of what was acknowledged is still on its way.
        (site.folder / QUIET).touch()
        while not arrived(site, workspace) and time.monotonic() < deadline:
            time.sleep(0.5)
            site.keep_up()


def until(chance: random.Random) -> float:
    return time.monotonic() + chance.uniform(0.2, 3.0)


def one_site(folder: Path, left: Counter[str], chance: random.Random) -> Counter[str]:
    """Run a site to its end and return its account."""
    site, stop, begun = opened(folder), Event(), time.time()
    person = Thread(target=answers, args=(site.folder, Truth(site), stop))
    person.start()
    try:
        spend(site, left, chance)
    finally:
        stop.set()
        person.join()
        site.end()
    with Workspace.open(site.folder / "w") as workspace:
        found = count(site, workspace)
    found.update({f"kills_{kind}": site.kills[kind] for kind in KINDS})
    found["sites"], found["seconds"] = 1, round(time.time() - begun)
    return found


def main() -> None:
    """Run the benchmark, or the robots' program for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--robots", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.robots:
        robots(given.robots, given.port, json.loads(os.environ["SECRETS"]))
        return
    total, begun = Counter[str](), time.monotonic()
    if given.results and given.results.exists():
        for line in given.results.read_text().splitlines():
            total.update(json.loads(line))
    with tempfile.TemporaryDirectory() as place:
        while time.monotonic() - begun < given.seconds:
            left = Counter({k: given.kills // len(KINDS) - total[f"kills_{k}"] for k in KINDS})
            if not +left:
                break
            chance = random.Random(f"{given.seed} {total['sites']}")
            found = one_site(Path(place) / f"site-{total['sites']}", +left, chance)
            total.update(found)
            if given.results:
                with given.results.open("a") as file:
                    file.write(json.dumps(found) + "\n")
    print(json.dumps(total, indent=1))


if __name__ == "__main__":
    main()
