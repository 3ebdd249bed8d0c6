import os
import resource
import signal
import threading
import time
from pathlib import Path

import pytest
from slot_server import FRAME, ToyModel, load_toy, processes, public_text, serving, weights

from januscl.core import InvalidInput, MissingDependency
from januscl.edge.selftest import predicts


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def good(server):
    return server.put("m-1", weights(seed=1))


@pytest.fixture
def newer(server):
    return server.put("m-2", weights(seed=2))


def running_two(server, folder, good, newer, **arguments):
    """A slot that ran m-1 well and now runs m-2."""
    slot = server.slot(folder, **arguments)
    assert slot.want(good)
    assert slot.want(newer)
    return slot


def files(folder):
    return sorted(path.name[:64] for path in folder.iterdir() if path.name != "slot.json")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("raises", "RuntimeError: a layer is missing"), ("nan", "A NaN score usually means"),
     ("short", "expected 1 instances, found 0"), ("unreadable", "no such architecture")],
)  # fmt: skip
def test_a_model_that_fails_its_self_test_never_runs_and_is_not_tried_again(
    server, tmp_path, good, behaviour, reason
):
    bad, tests = server.put("m-2", weights(behaviour, seed=2)), []

    def self_test(model):
        tests.append(model)
        predicts([FRAME])(model)

    slot = server.slot(tmp_path, self_test=self_test)
    assert slot.want(good)
    assert not slot.want(bad)
    tried = len(tests)
    assert not slot.want(bad)
    slot.close()
    slot = server.slot(tmp_path, self_test=self_test)
    assert not slot.want(bad)
    assert len(tests) == tried + 1, "the one that runs is tested at the start, the bad one is not"
    assert slot.running == "m-1"
    assert slot.error.startswith("m-2 was refused: ")
    assert reason in slot.error
    assert files(tmp_path) == [good.sha256]
    assert slot.want(server.put("m-3", weights(seed=3)))
    assert slot.error is None


def test_a_refused_version_is_tried_anew_once_another_one_was_wanted(server, tmp_path, good):
    fit = []

    def self_test(model):
        if model.digest != good.sha256 and not fit:
            raise RuntimeError("the camera was unplugged")

    slot = server.slot(tmp_path, self_test=self_test)
    wanted = server.put("m-2", weights(seed=2))
    assert slot.want(good)
    for _ in range(4):
        assert not slot.want(wanted)
        assert "the camera was unplugged" in slot.error, "and no crash, which would end the tries"
        assert slot.want(good)
    assert not slot.want(wanted)
    fit.append(True)
    assert not slot.want(wanted)
    assert slot.want(good)
    assert slot.want(wanted)


def test_a_self_test_needs_an_image_and_sees_masks_of_another_size():
    with pytest.raises(InvalidInput, match="images of the self-test"):
        predicts([])

    class Half(ToyModel):
        def predict(self, images):
            return super().predict([image[:2] for image in images])

    with pytest.raises(InvalidInput, match=r"masks of the self-test: expected size \(4, 6\)"):
        predicts([FRAME])(Half("good", ""))


def test_a_model_that_fails_at_work_gives_way_to_the_last_good_one_for_good(
    server, tmp_path, good, newer
):
    slot = running_two(server, tmp_path, good, newer)
    assert slot.failed("CUDA error in predict", "m-2")
    assert slot.running == "m-1"
    assert slot.current.model.digest == good.sha256
    assert slot.error == "m-2 was refused: CUDA error in predict"
    assert not slot.want(newer)
    slot.close()
    again = server.slot(tmp_path)
    assert again.running == "m-1"
    assert not again.want(newer)
    assert again.want(good)
    assert again.error is None
    assert again.want(newer)


def test_a_refused_version_stays_refused_when_the_running_one_fails_as_well(
    server, tmp_path, good, newer
):
    slot = running_two(server, tmp_path, good, newer)
    bad = server.put("m-3", weights("raises", seed=3))
    assert not slot.want(bad)
    assert slot.failed("NaN")
    assert slot.running == "m-1"
    assert "m-3 was refused" in slot.error
    assert "m-2 fails: NaN" in slot.error
    asked = len(server.asked)
    assert not slot.want(bad)
    assert len(server.asked) == asked


def test_a_machine_on_which_nothing_loads_loses_no_version(server, tmp_path, good, newer):
    running_two(server, tmp_path, good, newer).close()
    tried = []

    def load(path):
        tried.append(path)
        raise ImportError("no CUDA driver")

    slot = server.slot(tmp_path, load=load)
    assert slot.running is None
    assert "m-2 fails: ImportError: no CUDA driver; m-1, the version before, fails" in slot.error
    assert not slot.want(newer)
    assert len(tried) == 2
    mended = server.slot(tmp_path)
    assert (mended.running, mended.error) == ("m-2", None)
    assert mended.failed("NaN")
    assert mended.running == "m-1"


class Robot:
    """Loads models that need an extra, which is there or is not."""

    def __init__(self, extra):
        self.extra = extra

    def load(self, path):
        if not self.extra:
            raise MissingDependency("this model needs the extra transformers")
        return load_toy(path)


def test_a_robot_without_an_extra_runs_the_release_once_the_extra_is_there(server, tmp_path, good):
    robot = Robot(extra=False)
    slot = server.slot(tmp_path, load=robot.load)
    for _ in range(5):
        assert not slot.want(good)
        assert "m-1 is not here yet: MissingDependency: this model needs" in slot.error
    slot.close()
    robot.extra = True
    slot = server.slot(tmp_path, load=robot.load)
    assert slot.want(good)
    assert slot.error is None
    assert len(server.asked) == 1, "the weights stayed on the disk"


def test_a_release_that_ran_is_not_refused_because_its_extra_was_taken_away(server, tmp_path, good):
    robot = Robot(extra=True)
    slot = server.slot(tmp_path, load=robot.load)
    assert slot.want(good)
    slot.close()
    robot.extra = False
    for _ in range(5):
        slot = server.slot(tmp_path, load=robot.load)
        assert slot.running is None
        assert not slot.want(good)
    robot.extra = True
    assert slot.want(good)
    assert slot.error is None


def test_without_an_earlier_version_the_failing_one_stays_and_says_so(server, tmp_path, good):
    slot = server.slot(tmp_path)
    assert not slot.failed("nothing runs yet")
    assert slot.want(good)
    assert not slot.failed("out of memory")
    assert slot.running == "m-1"
    assert "m-1 fails: out of memory; there is no earlier version" in slot.error


def test_a_late_report_on_a_version_that_no_longer_runs_changes_nothing(
    server, tmp_path, good, newer
):
    slot = running_two(server, tmp_path, good, newer)
    assert not slot.failed("NaN", "m-1")
    assert (slot.running, slot.error) == ("m-2", None)


def test_the_last_good_version_is_one_that_proved_itself(server, tmp_path, good, newer):
    slot = server.slot(tmp_path, minutes=0.0005)
    assert slot.want(good)
    time.sleep(0.2)
    slot.close()
    slot = running_two(server, tmp_path, good, newer)
    assert slot.want(server.put("m-3", weights(seed=3)))
    assert slot.failed("NaN")
    assert slot.running == "m-1"


def test_a_proved_version_is_kept_over_the_one_before_it(server, tmp_path, good, newer):
    slot = running_two(server, tmp_path, good, newer, minutes=0.0005)
    time.sleep(0.2)
    assert slot.want(server.put("m-3", weights(seed=3)))
    assert slot.failed("NaN")
    assert slot.running == "m-2"
    assert good.sha256 not in files(tmp_path)


def test_a_failure_is_answered_while_another_version_is_still_on_its_way(
    server, tmp_path, good, newer
):
    slot = running_two(server, tmp_path, good, newer)
    wanted = server.put("m-3", weights(seed=3, size=600_000))
    server.pause = 0.05
    bringing = threading.Thread(target=slot.want, args=(wanted,))
    bringing.start()
    while len(server.asked) < 3:
        time.sleep(0.01)
    start = time.monotonic()
    assert slot.failed("NaN")
    assert slot.running == "m-1"
    assert time.monotonic() - start < 0.5
    assert bringing.is_alive()
    server.pause = 0
    bringing.join()
    assert slot.running == "m-3"


def test_a_full_disk_does_not_keep_the_robot_from_falling_back(server, tmp_path, good, newer):
    slot = running_two(server, tmp_path, good, newer)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        assert slot.failed("NaN")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert slot.running == "m-1"
    assert "StorageFull" in slot.error


def test_a_damaged_state_file_is_told_and_costs_no_second_download(server, tmp_path, good):
    server.slot(tmp_path).want(good)
    (tmp_path / "slot.json").write_bytes(b"\0" * 300)
    slot = server.slot(tmp_path)
    assert slot.running is None
    assert "slot.json: expected a model slot's state" in slot.error
    assert slot.want(good)
    assert len(server.asked) == 1
    assert slot.error is None


def test_only_what_is_needed_stays_on_the_disk_and_what_is_not_ours_too(server, tmp_path):
    (tmp_path / "notes.txt").write_text("a technician's")
    slot = server.slot(tmp_path)
    wanted = [server.put(f"m-{n}", weights(seed=n)) for n in range(1, 5)]
    server.cuts = [50_000, 50_000]
    assert not slot.want(wanted[0])
    assert not slot.want(wanted[1])
    assert [path.stem for path in tmp_path.glob("*.part")] == [wanted[1].sha256]
    for version in wanted[1:]:
        assert slot.want(version)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"notes.txt", "slot.json"} | {
        f"{version.sha256}.safetensors" for version in (wanted[1], wanted[3])
    }


@pytest.mark.parametrize("limits", [{"crashes": 0}, {"minutes": 0.0}, {"minutes": float("nan")}])
def test_limits_that_make_no_sense_are_refused(server, tmp_path, limits):
    with pytest.raises(InvalidInput, match="crashes and minutes"):
        server.slot(tmp_path, key=public_text(), **limits)


def live(url, folder, wanted, end, lethal=None):
    """The life of a robot's process: it starts, wants a version, and ends so."""
    from slot_server import Server

    def load(path):
        if lethal is not None and path.name.startswith(lethal):
            os.kill(os.getpid(), signal.SIGKILL)
        return load_toy(path)

    server = Server()
    server.url = url
    with server.slot(Path(folder), load=load) as slot:
        for version in wanted:
            slot.want(version)
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "error":
            raise SystemError("the robot's program broke")


@pytest.fixture
def life(server, tmp_path):
    context = processes()

    def run(*wanted, end, lethal=None):
        arguments = (server.url, str(tmp_path), wanted, end, lethal)
        process = context.Process(target=live, args=arguments)
        process.start()
        process.join()
        return process.exitcode

    return run


def prove(server, folder, version):
    slot = server.slot(folder, minutes=0.0005)
    assert slot.want(version)
    time.sleep(0.2)
    slot.close()


@pytest.mark.parametrize("end", ["killed", "error"])
def test_a_new_model_on_which_the_process_keeps_dying_gives_way_at_the_next_start(
    server, tmp_path, good, newer, life, end
):
    prove(server, tmp_path, good)
    for _ in range(3):
        assert life(newer, end=end) != 0
    slot = server.slot(tmp_path)
    assert slot.running == "m-1"
    assert "m-2 was refused: the process ended 3 times within 10 minutes" in slot.error
    assert not slot.want(newer)


def test_two_deaths_are_not_enough_and_an_orderly_end_is_none(server, tmp_path, good, newer, life):
    prove(server, tmp_path, good)
    for end in ("killed", "orderly", "killed", "orderly", "orderly", "orderly"):
        assert life(newer, end=end) == (0 if end == "orderly" else -9)
    slot = server.slot(tmp_path)
    assert (slot.running, slot.error) == ("m-2", None)


def test_a_model_that_proved_itself_is_not_blamed_for_deaths(server, tmp_path, good, newer, life):
    prove(server, tmp_path, good)
    prove(server, tmp_path, newer)
    for _ in range(5):
        assert life(newer, end="killed") == -9
    assert server.slot(tmp_path).running == "m-2"


def test_the_only_model_is_kept_however_often_the_process_dies(server, tmp_path, good, life):
    for _ in range(5):
        assert life(good, end="killed") == -9
    slot = server.slot(tmp_path)
    assert (slot.running, slot.error) == ("m-1", None)


def test_weights_that_kill_the_process_as_they_are_loaded_are_refused_after_three_times(
    server, tmp_path, good, newer, life
):
    prove(server, tmp_path, good)
    for _ in range(3):
        assert life(newer, end="orderly", lethal=newer.sha256) == -9
    assert life(newer, end="orderly", lethal=newer.sha256) == 0
    slot = server.slot(tmp_path)
    assert slot.running == "m-1"
    assert "m-2 was refused: the process ended 3 times while it was started" in slot.error


def test_a_process_killed_between_any_two_writes_starts_with_a_whole_model(
    server, tmp_path, good, newer
):
    context = processes()
    prove(server, tmp_path, good)
    for n in range(12):
        wanted = (newer, good) if n % 2 else (good, newer)
        arguments = (server.url, str(tmp_path), wanted * 20, "orderly", None)
        process = context.Process(target=live, args=arguments)
        process.start()
        process.join(0.05 + 0.013 * n)
        process.kill()
        process.join()
        with server.slot(tmp_path, minutes=0.0005) as slot:
            assert slot.running in ("m-1", "m-2")
            assert slot.current.model.digest == slot.current.version.sha256
            time.sleep(0.05)
