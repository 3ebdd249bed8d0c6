import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from januscl.compute import LocalExecutor
from januscl.core import Conflict, JobFailed, NotFound, StorageFull
from januscl.core.contracts import check_executor

WORK = """
import os, subprocess, sys, time
from pathlib import Path
from januscl.compute import report_progress

def count(path, value):
    with open(path, "a") as file:
        file.write("ran\\n")
    return value

def steps(count):
    for step in range(count):
        report_progress(step=step)
    return count

def broken(path):
    if not Path(path).exists():
        Path(path).touch()
        print("about to divide", file=sys.stderr)
        raise ZeroDivisionError("first time")
    return "mended"

def until(path):
    report_progress(at="gate")
    while not Path(path).exists():
        time.sleep(0.01)
    return "gone through"

def stubborn(path):
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return until(path)

def parent(path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(path).write_text(str(child.pid))
    return child.wait()

def escaping(path):
    if os.fork() == 0:
        os.setsid()  # no signal to the job's group reaches it any more
        Path(path).write_text(str(os.getpid()))
        time.sleep(60)
        os._exit(0)
    time.sleep(60)

def threads():
    return os.environ["OMP_NUM_THREADS"]

def picture():
    return {"a": {1, 2}}

def leave():
    sys.exit(7)
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "fleet_work.py").write_text(WORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def executor(work):
    executor = LocalExecutor(work / "jobs")
    yield executor
    for folder in (work / "jobs").iterdir():
        if folder.is_dir():
            executor.cancel(folder.name)


def wait_for(path, seconds=20):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)
    return path


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_keeps_the_contract_of_executors(executor):
    check_executor(executor)


def test_a_key_runs_once_also_for_an_executor_that_comes_later(executor, work):
    arguments = {"path": str(work / "runs"), "value": [1, "zwei"]}
    job = executor.submit("fleet_work:count", arguments, key="once")
    assert executor.wait(job, timeout=30) == [1, "zwei"]
    later = LocalExecutor(work / "jobs")
    assert later.submit("fleet_work:count", arguments, key="once") == job
    assert later.wait(job) == [1, "zwei"]
    assert (work / "runs").read_text() == "ran\n"


def test_a_key_runs_once_when_several_processes_submit_it_together(executor, work):
    arguments = {"path": str(work / "runs"), "value": 5}
    code = (
        "import sys; from januscl.compute import LocalExecutor;"
        f"e = LocalExecutor({str(work / 'jobs')!r});"
        f"print(e.wait(e.submit('fleet_work:count', {arguments!r}, key='shared'), timeout=30))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0] for process in processes] == [b"5\n"] * 3
    assert (work / "runs").read_text() == "ran\n"


def test_progress_is_relayed_in_order_and_from_the_start(executor):
    told = []
    job = executor.submit("fleet_work:steps", {"count": 50}, key="steps")
    assert executor.wait(job, timeout=30, progress=told.append) == 50
    assert told == [{"step": step} for step in range(50)]


def test_a_job_outlives_a_killed_submitter_and_another_waits_for_it(executor, work):
    gate = work / "gate"
    code = (
        "import time; from januscl.compute import LocalExecutor;"
        f"e = LocalExecutor({str(work / 'jobs')!r});"
        f"print(e.submit('fleet_work:until', {{'path': {str(gate)!r}}}, key='long'), flush=True);"
        "time.sleep(60)"
    )
    submitter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert submitter.stdout is not None
    job = submitter.stdout.readline().strip()
    submitter.kill()
    submitter.communicate()
    told = []
    with pytest.raises(TimeoutError, match="still runs"):
        executor.wait(job, timeout=0.1)
    gate.touch()
    assert executor.wait(job, timeout=30, progress=told.append) == "gone through"
    assert told == [{"at": "gate"}]


def test_a_killed_job_is_reported_and_starts_again_when_submitted_again(executor, work):
    gate = work / "gate"
    job = executor.submit("fleet_work:until", {"path": str(gate)}, key="long")
    wait_for(work / "jobs" / job / "progress.jsonl")
    os.kill(int((work / "jobs" / job / "pid").read_text()), signal.SIGKILL)
    with pytest.raises(JobFailed, match=r"ended without a result.*[Ss]ubmit it again"):
        executor.wait(job, timeout=30)
    with pytest.raises(JobFailed, match="ended without a result"):
        LocalExecutor(work / "jobs").wait(job, timeout=30)
    gate.touch()
    assert executor.submit("fleet_work:until", {"path": str(gate)}, key="long") == job
    assert executor.wait(job, timeout=30) == "gone through"


def test_a_job_that_failed_tells_why_and_can_be_restarted_at_once(executor, work):
    arguments = {"path": str(work / "mark")}
    job = executor.submit("fleet_work:broken", arguments, key="broken")
    with pytest.raises(JobFailed) as caught:
        executor.wait(job, timeout=30)
    message = str(caught.value)
    assert "fleet_work:broken" in message
    assert "ZeroDivisionError: first time" in message
    assert "about to divide" in message, "the end of the log is shown"
    assert executor.submit("fleet_work:broken", arguments, key="broken") == job
    assert executor.wait(job, timeout=30) == "mended"


def test_cancel_ends_the_job_and_the_programs_it_started(executor, work):
    job = executor.submit("fleet_work:parent", {"path": str(work / "child")}, key="parent")
    child = int(wait_for(work / "child").read_text())
    LocalExecutor(work / "jobs").cancel(job)
    with pytest.raises(JobFailed, match="cancelled"):
        executor.wait(job, timeout=30)
    deadline = time.monotonic() + 10
    while running(child):
        assert time.monotonic() < deadline, "the job's own child still runs"
        time.sleep(0.01)


def test_cancel_ends_a_job_that_ignores_the_request(executor, work, monkeypatch):
    monkeypatch.setattr("januscl.compute.local._GRACE_SECONDS", 0.3)
    job = executor.submit("fleet_work:stubborn", {"path": str(work / "gate")}, key="stubborn")
    wait_for(work / "jobs" / job / "progress.jsonl")
    executor.cancel(job)
    with pytest.raises(JobFailed, match="cancelled"):
        executor.wait(job, timeout=30)


def test_cancel_says_so_when_something_of_the_job_cannot_be_ended(executor, work, monkeypatch):
    monkeypatch.setattr("januscl.compute.local._GRACE_SECONDS", 0.3)
    job = executor.submit("fleet_work:escaping", {"path": str(work / "child")}, key="escaping")
    child = int(wait_for(work / "child").read_text())
    with pytest.raises(JobFailed, match="was told to end and then made to, and still runs"):
        executor.cancel(job)
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    executor.cancel(job)
    with pytest.raises(JobFailed, match="cancelled"):
        executor.wait(job, timeout=30)


def test_cancel_of_a_job_that_ended_changes_nothing(executor):
    job = executor.submit("fleet_work:steps", {"count": 0}, key="steps")
    assert executor.wait(job, timeout=30) == 0
    executor.cancel(job)
    assert executor.wait(job) == 0


def test_one_key_does_not_stand_for_two_kinds_of_work(executor):
    executor.submit("fleet_work:steps", {"count": 1}, key="steps")
    with pytest.raises(Conflict, match="stands for other work"):
        executor.submit("fleet_work:steps", {"count": 2}, key="steps")


def test_jobs_use_the_threads_they_were_given(work):
    executor = LocalExecutor(work / "jobs", threads=1)
    assert executor.wait(executor.submit("fleet_work:threads", {}, key="t"), timeout=30) == "1"


def test_a_result_that_is_no_json_is_an_error_of_the_job(executor):
    job = executor.submit("fleet_work:picture", {}, key="picture")
    with pytest.raises(JobFailed, match="set is not JSON serializable"):
        executor.wait(job, timeout=30)


def test_a_job_that_leaves_without_a_result_has_failed(executor):
    job = executor.submit("fleet_work:leave", {}, key="leave")
    with pytest.raises(JobFailed, match="exit status 7"):
        executor.wait(job, timeout=30)


def test_keys_of_any_text_are_kept_apart_and_stay_in_the_folder(executor, work):
    jobs = {
        executor.submit("fleet_work:steps", {"count": 0}, key=key)
        for key in ("../../etc", "etc", "etc/", "é")
    }
    assert len(jobs) == 4
    assert all((work / "jobs" / job / "work.json").is_file() for job in jobs)


def test_a_full_disk_starts_nothing_and_says_so(work):
    folder = work / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        executor = LocalExecutor(folder)
        arguments = {"path": str(work / "runs"), "value": "x" * 100_000}
        with pytest.raises(StorageFull, match="no room"):
            executor.submit("fleet_work:count", arguments, key="large")
        arguments["value"] = "x"
        job = executor.submit("fleet_work:count", arguments, key="large")
        assert executor.wait(job, timeout=30) == "x"
        assert (work / "runs").read_text() == "ran\n"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("job", ["", "..", "../jobs", "no-such-job"])
def test_an_unknown_job_is_not_found(executor, job):
    with pytest.raises(NotFound, match="never submitted"):
        executor.wait(job)
