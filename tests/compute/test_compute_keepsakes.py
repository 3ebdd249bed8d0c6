"""What a job keeps, its next attempt finds."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from januscl.compute import InlineExecutor, LocalExecutor, keep, kept, on_every_worker
from januscl.compute.desk import Desk
from januscl.compute.diary import Diary
from januscl.compute.keepsakes import DeskKeeper, FolderKeeper, keeping
from januscl.core import InvalidInput, JobFailed

WORK = """
from januscl.compute import keep, kept, on_every_worker

@on_every_worker
def count(until):
    done = int(kept("done") or 0) + 1
    keep("done", str(done).encode())
    if done < until:
        raise RuntimeError(f"attempt {done}")
    return done
"""


@pytest.mark.parametrize("kind", ["folder", "desk"])
def test_the_latest_of_a_name_is_found_by_the_next_attempt(tmp_path, kind):
    def keeper():
        if kind == "folder":
            return FolderKeeper(tmp_path / "kept")
        return DeskKeeper(Desk(tmp_path), "job-0123")

    with keeping(keeper()):
        assert kept("run") is None
        keep("run", b"first")
        keep("run", b"second")
    with keeping(keeper()):
        assert kept("run") == b"second"
        for name in ("", ".", "../run", "a/b", "x" * 101):
            with pytest.raises(InvalidInput, match="name of a keepsake"):
                keep(name, b"")
    assert kept("run") is None, "outside a job nothing is kept"


def test_attempts_of_a_local_job_share_what_was_kept(tmp_path, monkeypatch):
    (tmp_path / "keepsake_work.py").write_text(WORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    executor = LocalExecutor(tmp_path / "jobs")
    job = executor.submit("keepsake_work:count", {"until": 2}, key="count")
    with pytest.raises(JobFailed, match="attempt 1"):
        executor.wait(job, timeout=30)
    assert executor.submit("keepsake_work:count", {"until": 2}, key="count") == job
    assert executor.wait(job, timeout=30) == 2
    other = executor.submit("keepsake_work:count", {"until": 1}, key="other")
    assert executor.wait(other, timeout=30) == 1


def test_a_mark_changes_nothing_where_a_job_has_one_worker(tmp_path):
    executor = InlineExecutor()
    job = executor.submit(f"{__name__}:marked", {"value": 5}, key="marked")
    assert executor.wait(job) == 5


@on_every_worker
def marked(value):
    return value


def test_two_that_tell_of_one_attempt_lose_nothing(tmp_path):
    desk = Desk(tmp_path)

    def tell(name):
        for number in range(20):
            with Diary(desk, "job/0001") as diary:
                diary.tell({"who": name, "number": number})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tell, ["one", "two"]))
    lines = [desk.read(path) for path in desk.files("job/0001/progress")]
    assert len(lines) == len(set(lines)) == 40
