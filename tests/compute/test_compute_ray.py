"""Jobs on a Ray cluster: a real head node on this machine."""

import subprocess
import sys
import time
from uuid import uuid4

import pytest
from compute_engines import WORK, ray_cluster, wait_for

from januscl.compute import RemoteExecutor, executor_from
from januscl.compute.ray import RayJobs
from januscl.core import Conflict, InvalidInput, JobFailed, NotFound, Unreachable
from januscl.core.contracts import check_executor

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-the-tests-" + "0" * 20


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "fleet_work.py").write_text(WORK)
    return folder


@pytest.fixture(scope="module")
def address(work):
    pytest.importorskip("ray", reason="needs the extra ray")
    with ray_cluster(work, TOKEN) as address:
        yield address


@pytest.fixture
def engine(address):
    return RayJobs(address, token=TOKEN)


@pytest.fixture
def executor(engine, tmp_path):
    return RemoteExecutor(engine, tmp_path / "jobs")


@pytest.fixture
def together(address, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    return executor_from(f"{address}?cpus=0.5&workers=2", tmp_path / "jobs")


def test_it_keeps_the_contract_of_executors(address, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    check_executor(executor_from(f"{address}?cpus=0.5", tmp_path / "jobs"))


def test_a_job_outlives_a_killed_submitter_and_is_attached_again(
    executor, engine, address, tmp_path
):
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    arguments = {"path": str(gate), "runs": str(runs)}
    code = (
        "import time; from januscl.compute import RemoteExecutor;"
        "from januscl.compute.ray import RayJobs;"
        f"e = RemoteExecutor(RayJobs({address!r}, token={TOKEN!r}), {str(tmp_path / 'jobs')!r});"
        f"print(e.submit('fleet_work:until', {arguments!r}, key='long'), flush=True);"
        "time.sleep(60)"
    )
    submitter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert submitter.stdout is not None
    job = submitter.stdout.readline().strip()
    submitter.kill()
    submitter.communicate()
    assert executor.submit("fleet_work:until", arguments, key="long") == job
    wait_for(runs)
    told = []
    with pytest.raises(TimeoutError, match="still runs"):
        executor.wait(job, timeout=0.1)
    with pytest.raises(Conflict, match="stands for other work"):
        executor.submit("fleet_work:steps", {"count": 1}, key="long")
    gate.touch()
    later = RemoteExecutor(engine, tmp_path / "jobs")
    assert later.wait(job, timeout=60, progress=told.append) == "gone through"
    assert told == [{"at": "gate"}]
    assert runs.read_text() == "ran\n"


def test_a_submitter_killed_before_it_noted_the_start_starts_nothing_twice(
    executor, engine, tmp_path, monkeypatch
):
    arguments = {"path": str(tmp_path / "runs"), "value": 5}

    def killed(*given):
        engine_start(*given)
        raise KeyboardInterrupt

    engine_start = RayJobs.start
    monkeypatch.setattr(RayJobs, "start", killed)
    with pytest.raises(KeyboardInterrupt):
        executor.submit("fleet_work:count", arguments, key="once")
    monkeypatch.undo()
    later = RemoteExecutor(engine, tmp_path / "jobs")
    assert later.wait(later.submit("fleet_work:count", arguments, key="once"), timeout=60) == 5
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_a_name_is_taken_once_by_the_cluster(engine, tmp_path):
    name, runs = f"janus-{uuid4().hex}", tmp_path / "runs"
    command = (sys.executable, "-c", f"print('ran', file=open({str(runs)!r}, 'a'))")
    assert [engine.start(name, command) for _ in range(2)] == [name, name]
    while engine.ended(name) is None:
        time.sleep(0.1)
    assert engine.ended(name) == "exit status 0"
    assert runs.read_text() == "ran\n"
    assert engine.find(name) == name
    assert engine.find(f"janus-{uuid4().hex}") is None


def test_two_workers_train_one_model_and_go_on_after_one_was_killed(together, tmp_path):
    pytest.importorskip("torch", reason="needs the extra train")
    arguments, told = {"mark": str(tmp_path / "mark")}, []
    job = together.submit("fleet_work:learn", arguments, key="learn")
    with pytest.raises(JobFailed):
        together.wait(job, timeout=120)
    for file in tmp_path.glob("checkpoint-*"):
        file.unlink()  # the next attempt may run on other machines
    assert together.submit("fleet_work:learn", arguments, key="learn") == job
    done = together.wait(job, timeout=120, progress=told.append)
    assert 2 <= done.pop("resumed") <= 3
    assert done == {"size": 2, "same": True, "backend": "gloo"}
    assert told[-1] == {"step": 4}
    assert len(told) == len({line["step"] for line in told}), "the first worker alone tells"


def test_a_worker_that_fails_ends_the_others_and_its_own_error_is_told(together):
    pytest.importorskip("torch", reason="needs the extra train")
    job = together.submit("fleet_work:torn", {}, key="torn")
    with pytest.raises(JobFailed, match="ZeroDivisionError: the second worker's own"):
        together.wait(job, timeout=120)


def test_an_error_is_told_with_the_end_of_the_log_and_the_job_can_be_restarted(executor, tmp_path):
    arguments = {"path": str(tmp_path / "mark")}
    job = executor.submit("fleet_work:broken", arguments, key="broken")
    with pytest.raises(JobFailed) as caught:
        executor.wait(job, timeout=60)
    assert "ZeroDivisionError: first time" in str(caught.value)
    assert "about to divide" in str(caught.value), "the end of the log is shown"
    assert executor.submit("fleet_work:broken", arguments, key="broken") == job
    assert executor.wait(job, timeout=60) == "mended"


def test_a_job_that_was_killed_has_failed_and_starts_again_when_submitted_again(executor, tmp_path):
    arguments = {"path": str(tmp_path / "mark")}
    job = executor.submit("fleet_work:killed", arguments, key="killed")
    with pytest.raises(JobFailed, match=r"without a result.*[Ss]ubmit it again") as caught:
        executor.wait(job, timeout=60)
    assert "using all memory" in str(caught.value)
    assert executor.submit("fleet_work:killed", arguments, key="killed") == job
    assert executor.wait(job, timeout=60) == "alive"


def test_cancel_stops_a_job_that_runs_and_one_that_waits(executor, tmp_path):
    first = {"path": str(tmp_path / "gate"), "runs": str(tmp_path / "first")}
    second = {"path": str(tmp_path / "gate"), "runs": str(tmp_path / "second")}
    running = executor.submit("fleet_work:until", first, key="running")
    wait_for(tmp_path / "first")
    waiting = executor.submit("fleet_work:until", second, key="waiting")  # there is one core
    for job in (waiting, running):
        executor.cancel(job)
        with pytest.raises(JobFailed, match="cancelled"):
            executor.wait(job, timeout=60)
    (tmp_path / "gate").touch()
    assert executor.submit("fleet_work:until", second, key="waiting") == waiting
    assert executor.wait(waiting, timeout=60) == "gone through"
    assert (tmp_path / "second").read_text() == "ran\n", "what was cancelled never ran"


def test_a_job_that_the_cluster_does_not_know_any_more_has_failed(executor, tmp_path, engine):
    arguments = {"path": str(tmp_path / "runs"), "value": 5}
    job = executor.submit("fleet_work:count", arguments, key="old")
    assert executor.wait(job, timeout=60) == 5
    (tmp_path / "jobs" / job / "0001" / "result.json").unlink()
    (tmp_path / "jobs" / job / "0001" / "started.json").write_text('{"id": "of-another-cluster"}')
    with pytest.raises(JobFailed, match="does not know it"):
        RemoteExecutor(engine, tmp_path / "jobs").wait(job, timeout=60)


def test_a_wrong_token_is_refused_and_never_repeated(address, tmp_path):
    for token in (None, "a-secret-that-is-wrong"):
        executor = RemoteExecutor(RayJobs(address, token=token), tmp_path / "jobs")
        with pytest.raises(Unreachable, match="RAY_AUTH_TOKEN") as caught:
            executor.submit("math:sqrt", {"x": 4}, key="root")
        assert "a-secret" not in str(caught.value)


def test_an_unknown_job_is_not_found(executor):
    for job in ("", "..", "no-such-job", "a/0001"):
        with pytest.raises(NotFound, match="never submitted"):
            executor.wait(job)


def test_an_address_that_is_none_is_refused():
    for address in ("ray://head:10001", "http://", "http://me:secret@head:8265"):
        with pytest.raises(InvalidInput) as caught:
            RayJobs(address)
        assert "secret" not in str(caught.value)
