"""Jobs on AWS Batch: moto's API and S3, the real entry point, no containers."""

import json
import os
import subprocess
import sys
from hashlib import sha256

import pytest
from compute_aws import Account, Host, aws, point_to
from compute_engines import WORK, wait_for

from januscl.compute import RemoteExecutor, executor_from
from januscl.compute.desk import Desk
from januscl.compute.remote_job import run
from januscl.compute.work import check_work
from januscl.core import Conflict, InvalidInput, JobFailed, Unreachable
from januscl.core.contracts import check_executor

batch_jobs = pytest.importorskip("januscl.compute.batch", reason="needs the extra aws")


@pytest.fixture(scope="module")
def server():
    with aws() as address:
        yield address


@pytest.fixture(autouse=True)
def host(server, tmp_path, monkeypatch):
    """Let moto run commands as processes, and end them all."""
    from moto.batch.models import Job

    (tmp_path / "fleet_work.py").write_text(WORK)
    point_to(server, monkeypatch)
    host = Host(tmp_path)
    monkeypatch.setattr(Job, "run", lambda job: host.run(job))
    yield host
    for process in host.processes.values():
        process.kill()


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def executor(account):
    return executor_from(f"batch://{account.queue}/{account.definition}", account.place)


def another(account):
    return RemoteExecutor(batch_jobs.BatchJobs(account.queue, account.definition), account.place)


def test_it_keeps_the_contract_of_executors(executor):
    check_executor(executor)


def test_a_key_is_one_job_in_the_queue_whoever_submits_it(executor, account, tmp_path):
    arguments = {"path": str(tmp_path / "runs"), "value": 5}
    job = executor.submit("fleet_work:count", arguments, key="once")
    assert another(account).submit("fleet_work:count", arguments, key="once") == job
    assert another(account).wait(job, timeout=60) == 5
    assert executor.submit("fleet_work:count", arguments, key="once") == job
    assert len(account.jobs()) == 1
    assert (tmp_path / "runs").read_text() == "ran\n"
    with pytest.raises(Conflict, match="stands for other work"):
        executor.submit("fleet_work:steps", {"count": 1}, key="once")


def test_a_job_outlives_a_killed_submitter_and_is_attached_again(executor, account, tmp_path):
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    arguments = {"path": str(gate), "runs": str(runs)}
    code = (
        "import time; from januscl.compute import executor_from;"
        f"e = executor_from('batch://{account.queue}/{account.definition}', {account.place!r});"
        f"print(e.submit('fleet_work:until', {arguments!r}, key='long'), flush=True);"
        "time.sleep(60)"
    )
    submitter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert submitter.stdout is not None
    job = submitter.stdout.readline().strip()
    submitter.kill()
    submitter.communicate()
    wait_for(runs)
    assert executor.submit("fleet_work:until", arguments, key="long") == job
    gate.touch()
    told = []
    assert executor.wait(job, timeout=60, progress=told.append) == "gone through"
    assert told == [{"at": "gate"}]
    assert runs.read_text() == "ran\n"


def dying_at(name):
    put_new = Desk.put_new

    def put(desk, path, data):
        if path.endswith(name):
            raise KeyboardInterrupt
        return put_new(desk, path, data)

    return put


def test_a_submitter_killed_between_batch_and_its_note_starts_nothing_twice(
    executor, account, host, tmp_path, monkeypatch
):
    arguments = {"path": str(tmp_path / "runs"), "value": 5}
    host.open = False  # the job waits in the queue
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "put_new", dying_at("started.json"))
        with pytest.raises(KeyboardInterrupt):
            executor.submit("fleet_work:count", arguments, key="once")
    later = another(account)
    job = later.submit("fleet_work:count", arguments, key="once")
    host.open = True
    assert later.wait(job, timeout=60) == 5
    assert len(account.jobs()) == 1
    assert (tmp_path / "runs").read_text() == "ran\n"


@pytest.mark.parametrize("begins_first", [True, False])
def test_a_job_that_batch_was_given_twice_is_done_once(
    executor, account, host, tmp_path, monkeypatch, begins_first
):
    # Batch lists a job a little later than it takes it.
    monkeypatch.setattr(batch_jobs.BatchJobs, "find", lambda engine, name: None)
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    arguments = {"path": str(gate), "runs": str(runs)}
    host.open = begins_first
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "put_new", dying_at("started.json"))
        with pytest.raises(KeyboardInterrupt):
            executor.submit("fleet_work:until", arguments, key="once")
    if begins_first:
        wait_for(runs)
    later = another(account)
    job = later.submit("fleet_work:until", arguments, key="once")
    host.open = True
    gate.touch()
    assert later.wait(job, timeout=60) == "gone through"
    for process in list(host.processes.values()):
        process.wait(30)
    # One that began has said so itself; the other is seen too late, and goes without doing it.
    assert len(account.jobs()) == (1 if begins_first else 2)
    assert runs.read_text() == "ran\n"


def test_an_error_is_told_with_the_end_of_the_log_and_the_job_can_be_restarted(executor, tmp_path):
    arguments = {"path": str(tmp_path / "mark")}
    job = executor.submit("fleet_work:broken", arguments, key="broken")
    with pytest.raises(JobFailed, match="ZeroDivisionError: first time"):
        executor.wait(job, timeout=60)
    assert executor.submit("fleet_work:broken", arguments, key="broken") == job
    assert executor.wait(job, timeout=60) == "mended"


def test_a_job_that_was_killed_has_failed_with_the_end_of_its_log(executor, tmp_path):
    arguments = {"path": str(tmp_path / "mark")}
    job = executor.submit("fleet_work:killed", arguments, key="killed")
    with pytest.raises(JobFailed, match=r"without a result.*[Ss]ubmit it again") as caught:
        executor.wait(job, timeout=60)
    assert "using all memory" in str(caught.value)
    assert executor.submit("fleet_work:killed", arguments, key="killed") == job
    assert executor.wait(job, timeout=60) == "alive"


def test_cancel_stops_a_job_that_runs_and_one_that_waits(executor, host, tmp_path):
    first = {"path": str(tmp_path / "gate"), "runs": str(tmp_path / "first")}
    second = {"path": str(tmp_path / "gate"), "runs": str(tmp_path / "second")}
    running = executor.submit("fleet_work:until", first, key="running")
    wait_for(tmp_path / "first")
    host.open = False
    waiting = executor.submit("fleet_work:until", second, key="waiting")
    for job in (waiting, running):
        executor.cancel(job)
        with pytest.raises(JobFailed, match="cancelled"):
            executor.wait(job, timeout=60)
    host.open = True
    (tmp_path / "gate").touch()
    assert executor.submit("fleet_work:until", second, key="waiting") == waiting
    assert executor.wait(waiting, timeout=60) == "gone through"
    assert (tmp_path / "second").read_text() == "ran\n", "what was cancelled never ran"


def test_what_a_machine_taken_away_had_told_is_told_once_when_batch_tries_again(account, tmp_path):
    arguments, attempt = {"path": str(tmp_path / "mark")}, "again-0123456789ab/0001"
    desk = Desk(account.place)
    work = check_work("fleet_work:halting", arguments, "again")
    desk.put_new(f"{attempt}/work.json", work)
    command = (sys.executable, "-m", "januscl.compute.remote_job", desk.place, attempt, "name")
    where = {**os.environ, "PYTHONPATH": str(tmp_path), "AWS_BATCH_JOB_ID": "job-1"}
    words = (*command, sha256(work).hexdigest())
    codes = [subprocess.run(words, env=where, timeout=60).returncode for _ in range(3)]
    assert codes == [-9, 0, 0], "the third finds the result and does nothing"
    pages = [json.loads(desk.read(path)) for path in desk.files(f"{attempt}/progress")]
    assert pages == [{"run": 1}, {"run": 2}]
    other = subprocess.run(words, env={**where, "AWS_BATCH_JOB_ID": "job-2"}, timeout=60)
    assert other.returncode == 0
    assert json.loads(desk.read(f"{attempt}/result.json")) == {"result": 2}


def test_work_that_was_changed_on_its_way_is_not_done(account, tmp_path):
    desk, attempt = Desk(account.place), "forged-0123456789ab/0001"
    runs = str(tmp_path / "runs")
    given = check_work("fleet_work:count", {"path": runs, "value": 1}, "forged")
    asked = check_work("fleet_work:count", {"path": runs, "value": 2}, "forged")
    desk.put_new(f"{attempt}/work.json", given)
    assert not run(desk, attempt, "job-1", sha256(asked).hexdigest())
    assert b"not the work that was submitted" in desk.read(f"{attempt}/result.json")
    assert not (tmp_path / "runs").exists()


def test_a_wait_bears_with_a_place_that_does_not_answer_for_a_while(
    executor, monkeypatch, tmp_path
):
    job = executor.submit("fleet_work:count", {"path": str(tmp_path / "runs"), "value": 5}, "once")
    read, silent = Desk.read, iter(range(3))

    def faltering(desk, path):
        if next(silent, None) is not None:
            raise Unreachable("the bucket did not answer")
        return read(desk, path)

    monkeypatch.setattr(Desk, "read", faltering)
    assert executor.wait(job, timeout=60) == 5
    monkeypatch.setattr("januscl.compute.remote._PATIENCE_SECONDS", 0.0)
    silent = iter(range(100))
    with pytest.raises(Unreachable):
        executor.wait(job, timeout=60)


def test_a_queue_or_definition_that_is_not_there_is_named(account):
    for where in (f"batch://no-queue/{account.definition}", f"batch://{account.queue}/none"):
        executor = executor_from(where, account.place)
        with pytest.raises(InvalidInput, match="does not exist"):
            executor.submit("math:sqrt", {"x": 4}, key=where)


def test_aws_that_does_not_answer_is_an_error_without_credentials(executor, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Unreachable, match="does not answer") as caught:
        batch_jobs.BatchJobs("queue", "definition").find("name")
    assert "test-secret-key" not in str(caught.value)
