import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from edge_double import eventually, quick

from januscl.edge import Agent

KILLS = 20
FAULTS = ["cut", "half read", "lost answer", "half answer", 503, "slow", None, None, None]


def test_twenty_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path, service):
    rng = random.Random(20)
    ids, picks = {}, {}
    command = [sys.executable, str(Path(__file__).with_name("edge_victim.py"))]
    with subprocess.Popen(
        [*command, service.address, str(tmp_path / "spool")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as robot:  # fmt: skip
        for round_ in range(KILLS):
            service.faults = [rng.choice(FAULTS) for _ in range(12)]
            robot.stdin.write(f"{round_} {rng.randrange(10**6)}\n")
            live_and_die(robot, rng.uniform(0.02, 0.35), ids, picks)
        robot.stdin.close()
    assert len(ids) > 20 * KILLS
    assert len(picks) > 10 * KILLS
    service.faults = []
    with Agent("arm", "eye", service.address, tmp_path / "spool", "secret", quick()) as agent:
        eventually(lambda: not sum(agent._spool.waiting().values()), within=30)
        assert agent.rejects() == []
        told = agent.counters()
    assert told.get("unreadable", 0) == told.get("spool_damaged", 0) == 0
    nothing_lost(service, ids, picks)
    nothing_doubled(service)


def live_and_die(robot, seconds, ids, picks):
    """Let a victim live for a while from its first observation on, kill it, read all it said."""
    end, victim = None, None
    os.set_blocking(robot.stdout.fileno(), True)
    for line in robot.stdout:
        what, *rest = line.split()
        if what == "dead":
            return
        if what == "pid":
            victim = int(rest[0])
        elif what == "id":
            end = end or time.monotonic() + seconds
            ids[rest[0]] = rest[1]
        elif what == "pick":
            picks[rest[0]] = rest[1]
        if victim and end and time.monotonic() > end:
            os.kill(victim, signal.SIGKILL)
            victim = None


def nothing_lost(service, ids, picks):
    assert set(ids) - set(service.records) == set()
    assert set(picks) - set(service.outcomes) == set()
    assert {id: service.records[id].model for id in ids} == ids
    assert {id: str(service.outcomes[id].outcome) for id in picks} == picks


def nothing_doubled(service):
    """Each call of `observe` has a model name of its own: no two ids may carry the same."""
    names = [record.model for record in service.records.values()]
    assert len(names) == len(set(names))
