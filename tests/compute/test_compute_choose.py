"""One line of configuration chooses where the work is done."""

import pytest

from januscl.compute import LocalExecutor, RemoteExecutor, executor_from
from januscl.core import InvalidInput, NotFound, Unreachable


def test_local_is_the_machine_itself(tmp_path):
    executor = executor_from("local", tmp_path / "jobs", threads=1)
    assert isinstance(executor, LocalExecutor)
    job = executor.submit("statistics:fmean", {"data": [2, 8]}, key="mean")
    assert executor.wait(job, timeout=60) == 5


def test_an_address_is_a_ray_cluster(tmp_path):
    executor = executor_from("http://127.0.0.1:9?cpus=4&gpus=0.5", tmp_path / "jobs")
    assert isinstance(executor, RemoteExecutor)
    with pytest.raises(NotFound):
        executor.wait("no-such-job")
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer"):
        executor.submit("math:sqrt", {"x": 4}, key="root")


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("", "jobs"),
        ("slurm", "jobs"),
        ("ray://head:10001", "jobs"),
        ("http://head:8265?memory=4", "jobs"),
        ("http://head:8265?cpus=many", "jobs"),
        ("http://head:8265?gpus=-1", "jobs"),
        ("http://head:8265?workers=0", "jobs"),
        ("http://head:8265?workers=1.5", "jobs"),
        ("batch://queue", "s3://bucket/jobs"),
        ("batch://queue/definition", "jobs"),
        ("local", "s3://bucket/jobs"),
        ("http://head:8265", "https://key:secret@bucket/jobs"),
    ],
)
def test_what_fits_nothing_is_refused_without_repeating_secrets(
    tmp_path, monkeypatch, where, place
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        executor_from(where, place)
    assert "secret" not in str(caught.value)


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match=f"{tmp_path}/file/jobs did not answer"):
        executor_from("http://127.0.0.1:9", tmp_path / "file" / "jobs")
