import pytest

from januscl.compute import InlineExecutor, report_progress
from januscl.core import Conflict, InvalidInput, JobFailed, NotFound
from januscl.core.contracts import check_executor

here = __name__


def steps(count):
    for step in range(count):
        report_progress(step=step)
    return {"done": count}


def broken():
    raise RuntimeError("the lamp went out")


def test_it_keeps_the_contract_of_executors():
    check_executor(InlineExecutor())


def test_progress_reaches_the_one_who_waits():
    executor, told = InlineExecutor(), []
    job = executor.submit(f"{here}:steps", {"count": 3}, key="steps")
    assert executor.wait(job, progress=told.append) == {"done": 3}
    assert told == [{"step": 0}, {"step": 1}, {"step": 2}]


def test_progress_outside_of_a_job_goes_nowhere():
    assert steps(2) == {"done": 2}


def test_an_error_is_told_by_type_and_message_each_time():
    executor = InlineExecutor()
    job = executor.submit(f"{here}:broken", {}, key="broken")
    for _ in range(2):
        with pytest.raises(JobFailed, match="RuntimeError: the lamp went out"):
            executor.wait(job)


def test_a_cancelled_job_is_not_done_and_can_be_submitted_again():
    executor = InlineExecutor()
    job = executor.submit(f"{here}:steps", {"count": 1}, key="steps")
    executor.cancel(job)
    with pytest.raises(JobFailed, match="cancelled"):
        executor.wait(job)
    assert executor.submit(f"{here}:steps", {"count": 1}, key="steps") == job
    assert executor.wait(job) == {"done": 1}


def test_one_key_does_not_stand_for_two_kinds_of_work():
    executor = InlineExecutor()
    executor.submit(f"{here}:steps", {"count": 1}, key="steps")
    with pytest.raises(Conflict, match="stands for other work"):
        executor.submit(f"{here}:steps", {"count": 2}, key="steps")


@pytest.mark.parametrize(
    "function",
    ["", "steps", "os.system", "os:system()", "../evil:run", "a b:c", "os:path.join", "os:x\n"],
)
def test_what_is_not_the_name_of_a_function_is_refused(function):
    with pytest.raises(InvalidInput, match=r"package\.module:function"):
        InlineExecutor().submit(function, {}, key="key")


def test_arguments_that_are_no_json_are_refused_before_anything_starts():
    with pytest.raises(InvalidInput, match="JSON values"):
        InlineExecutor().submit("math:sqrt", {"x": object()}, key="key")
    with pytest.raises(InvalidInput, match="JSON values"):
        InlineExecutor().submit("math:sqrt", {"x": float("nan")}, key="key")
    with pytest.raises(InvalidInput, match="1 to 200 characters"):
        InlineExecutor().submit("math:sqrt", {}, key="")


def test_a_function_that_does_not_exist_fails_with_its_name():
    executor = InlineExecutor()
    job = executor.submit("januscl.nowhere:run", {}, key="nowhere")
    with pytest.raises(JobFailed, match=r"januscl\.nowhere:run"):
        executor.wait(job)


def test_an_unknown_job_is_not_cancelled():
    with pytest.raises(NotFound, match="never submitted"):
        InlineExecutor().cancel("job")
