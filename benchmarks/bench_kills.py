"""Kill -9 at random moments, under load: workers, the API, the robots' agent, the executor's jobs.

    python benchmarks/bench_kills.py --kills 200 --seed 0

Three robots of a drawn site observe and report through `januscl.edge.Agent`, over HTTP; a person
labels; two workers stand by for each other; trainings and verdicts run as jobs. After a random
while one of these processes is killed and started again, until all kills are spent. Then nothing
is killed any more until all that was acknowledged has arrived and the workflow has ended. A site
whose workflow ends before that is followed by a fresh one.

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

    def kill(self, name: str) -> bool:
        """Kill a process, or the job that runs, and start it again; say whether there was one."""
        if name == "job":
            return self._kill_job()
        self.running[name].kill()
        self.running[name].wait()
        self.kills[name] += 1
        self.start(name)
        return True

    def _kill_job(self) -> bool:
        for folder in sorted((self.folder / "jobs").glob("*/")):
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                if not (folder / "result.json").exists():
                    pid = int((folder / "pid").read_text())
                    if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
                        os.killpg(pid, signal.SIGKILL)
                        self.kills["job"] += 1
                        self.jobs[folder.name] += 1
                        return True
        return False

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
    for id, *_ in saw:
        try:
            catalogue.observations.get(id)
        except NotFound:
            found["observations_lost"] += 1
    for id, outcome in picked:
        with suppress(NotFound):
            pick = catalogue.observations.get(id).pick
            found["outcomes_lost"] += pick is None or pick.outcome.value != outcome
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


def spend(site: Site, kills: int, chance: random.Random) -> int:
    """Kill until the kills are spent or the site's novelty is closed; return what is left."""
    with Workspace.open(site.folder / "w") as workspace:
        while kills and not closed(workspace):
            time.sleep(chance.uniform(0.2, 3.0))
            site.keep_up()
            kills -= site.kill(chance.choice(["one", "two", "api", "agent", "job", "job"]))
        deadline = time.monotonic() + PATIENCE
        while not closed(workspace) and time.monotonic() < deadline:
            time.sleep(0.5)
            site.keep_up()
        # The last of what was acknowledged is still on its way.
        (site.folder / QUIET).touch()
        while not arrived(site, workspace) and time.monotonic() < deadline:
            time.sleep(0.5)
            site.keep_up()
    return kills


def main() -> None:
    """Run the benchmark, or the robots' program for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--robots", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.robots:
        robots(given.robots, given.port, json.loads(os.environ["SECRETS"]))
        return
    chance, left, total, begun = random.Random(given.seed), given.kills, Counter(), time.time()
    with tempfile.TemporaryDirectory() as place:
        number = 0
        while left:
            site, stop, number = opened(Path(place) / f"site-{number}"), Event(), number + 1
            person = Thread(target=answers, args=(site.folder, Truth(site), stop))
            person.start()
            try:
                left = spend(site, left, chance)
            finally:
                stop.set()
                person.join()
                site.end()
            with Workspace.open(site.folder / "w") as workspace:
                total += count(site, workspace)
            total += Counter({f"kills_{name}": times for name, times in site.kills.items()})
    print(json.dumps({"sites": number, "seconds": round(time.time() - begun), **total}, indent=1))


if __name__ == "__main__":
    main()
