import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from slot_server import TOKEN, processes, serving, weights

from januscl.edge import download


@pytest.fixture
def server():
    with serving() as running:
        yield running


def parts(folder):
    return [path for path in folder.iterdir() if path.suffix == ".part"]


def test_a_wanted_version_is_fetched_tested_and_runs_and_stays_after_a_restart(server, tmp_path):
    data = weights()
    wanted = server.put("m-1", data)
    slot = server.slot(tmp_path)
    assert (slot.running, slot.current, slot.error) == (None, None, None)
    assert slot.want(wanted)
    assert (slot.running, slot.error) == ("m-1", None)
    assert slot.current.model.digest == wanted.sha256
    assert slot.want(wanted)
    slot.close()
    server.status = 500  # offline
    again = server.slot(tmp_path)
    assert again.running == "m-1"
    assert again.want(wanted)
    assert len(server.asked) == 1


def test_a_cut_download_goes_on_where_it_was_cut(server, tmp_path):
    data = weights()
    wanted = server.put("m-1", data)
    server.cuts = [70_000, 50_000]
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    assert "m-1 is not here yet: RemoteProtocolError" in slot.error
    assert parts(tmp_path)[0].read_bytes() == data[:70_000]
    assert not slot.want(wanted)
    assert slot.want(wanted)
    assert [asked for _, asked in server.asked] == [None, "bytes=70000-", "bytes=120000-"]
    assert server.sent == len(data)
    assert (slot.error, parts(tmp_path)) == (None, [])


def test_a_server_without_ranges_begins_again_and_the_file_is_whole(server, tmp_path):
    wanted = server.put("m-1", weights())
    server.cuts, server.ranges = [70_000, 30_000], False
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    assert not slot.want(wanted)
    assert parts(tmp_path)[0].stat().st_size == 70_000
    assert slot.want(wanted)


def test_a_slow_link_is_used_in_turns_and_loses_nothing(server, tmp_path):
    data = weights()
    wanted = server.put("m-1", data)
    server.pause = 0.01
    slot = server.slot(tmp_path, seconds=0.02)
    turns = 1
    while not slot.want(wanted):
        turns += 1
        assert slot.error is None
    starts = [int((asked or "bytes=0-")[6:-1]) for _, asked in server.asked]
    assert 1 < turns == len(starts)
    assert starts == sorted(set(starts))


def test_a_file_that_changed_behind_its_id_halfway_is_fetched_from_the_start(server, tmp_path):
    old, data = weights(seed=1), weights(seed=2)
    wanted = server.put("m-1", data)
    server.files["m-1"], server.cuts = old, [70_000]
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    server.files["m-1"] = data
    assert slot.want(wanted)
    assert [asked for _, asked in server.asked] == [None, "bytes=70000-", None]


def test_wrong_bytes_are_refused_never_loaded_and_not_asked_for_again(server, tmp_path):
    good, wanted = server.put("m-1", weights()), server.put("m-2", weights(seed=2))
    server.files["m-2"] = weights(seed=3)
    loaded = []
    slot = server.slot(tmp_path, load=lambda path: loaded.append(path))
    assert not slot.want(wanted)
    assert "m-2 was refused: the server's bytes are not those that were signed" in slot.error
    asked = len(server.asked)
    for again in (slot, server.slot(tmp_path)):
        assert not again.want(wanted)
        assert "m-2 was refused" in again.error
    assert (len(server.asked), loaded, parts(tmp_path)) == (asked, [], [])
    slot = server.slot(tmp_path)
    assert slot.want(good)
    assert slot.error is None


@pytest.mark.parametrize("size", [150_000, 250_000])
def test_a_file_of_another_size_than_was_stated_is_not_even_begun(server, tmp_path, size):
    wanted = server.put("m-1", weights())
    server.files["m-1"] = weights(size=size)
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    assert f"is not the one of {wanted.bytes} bytes that it stated" in slot.error
    assert all(path.stat().st_size == 0 for path in parts(tmp_path))


def test_an_endless_answer_never_takes_more_room_than_was_stated(server, tmp_path):
    wanted = server.put("m-1", weights())
    server.files["m-1"] = weights(size=3_000_000)
    server.length = server.ranges = False
    slot = server.slot(tmp_path)
    for _ in range(3):
        assert not slot.want(wanted)
        assert f"the server sends more than the {wanted.bytes} bytes" in slot.error
        assert sum(path.stat().st_size for path in parts(tmp_path)) <= wanted.bytes


def test_an_answer_without_a_length_that_ends_early_is_continued(server, tmp_path):
    wanted = server.put("m-1", weights())
    server.cuts, server.length = [70_000], False
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    assert slot.want(wanted)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_service_that_refuses_or_fails_leaves_what_runs_and_tells_no_secret(
    server, tmp_path, status
):
    slot = server.slot(tmp_path)
    assert slot.want(server.put("m-1", weights()))
    wanted = server.put("m-2", weights(seed=2))
    server.status = status
    assert not slot.want(wanted)
    assert slot.running == "m-1"
    assert "m-2 is not here yet" in slot.error
    assert TOKEN not in slot.error
    server.status = 200
    assert slot.want(wanted)
    assert slot.error is None


def test_without_a_network_what_is_there_goes_on(server, tmp_path):
    server.slot(tmp_path).want(server.put("m-1", weights()))
    wanted = server.put("m-2", weights(seed=2))
    server.url = "http://127.0.0.1:9"
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    assert slot.running == "m-1"
    assert "ConnectError" in slot.error


@pytest.fixture
def no_room():
    """Forbid files over 100,000 bytes, as a quota would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_gives_its_room_back_and_leaves_what_runs(server, tmp_path, no_room):
    slot = server.slot(tmp_path)
    assert slot.want(server.put("m-1", weights(size=50_000)))
    wanted = server.put("m-2", weights(seed=2))
    assert not slot.want(wanted)
    assert "StorageFull: no room to write" in slot.error
    assert (slot.running, parts(tmp_path)) == ("m-1", [])
    no_room()
    assert slot.want(wanted)
    assert (slot.running, slot.error) == ("m-2", None)


def test_a_model_for_which_there_is_no_room_is_not_asked_for(server, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(download, "_SPARE", 2 * free)
    slot = server.slot(tmp_path)
    assert not slot.want(server.put("m-1", weights()))
    assert f"no room for {len(weights())} more bytes" in slot.error
    assert server.asked == []


def bring(url, folder, wanted):
    """The life of a robot's process that is about to be killed."""
    from slot_server import Server

    server = Server()
    server.url = url
    slot = server.slot(Path(folder))
    while not slot.want(wanted):
        pass
    slot.close()


def test_a_process_killed_at_random_moments_loses_no_byte_that_it_had(server, tmp_path):
    data = weights(size=1_500_000)
    wanted = server.put("m-1", data)
    server.pause = 0.004
    context, chance = processes(), random.Random(1)
    kills, longest = 0, 0
    while kills < 40:
        asked = len(server.asked)
        process = context.Process(target=bring, args=(server.url, str(tmp_path), wanted))
        process.start()
        process.join(chance.uniform(0, 0.2))
        begins = chance.random() < 0.9  # most die in the middle of the download
        while begins and process.exitcode is None and len(server.asked) == asked:
            time.sleep(0.005)
        process.join(chance.uniform(0, 0.06))
        if process.exitcode is not None:
            assert process.exitcode == 0
            break
        process.kill()
        process.join()
        kills += 1
        for part in parts(tmp_path):
            have = part.read_bytes()
            assert data.startswith(have)
            assert len(have) >= longest
            longest = len(have)
    server.pause = 0
    slot = server.slot(tmp_path)
    assert slot.want(wanted)
    assert kills >= 5
    assert slot.current.model.digest == wanted.sha256
    continued = [asked for _, asked in server.asked if asked]
    assert len(continued) >= 3


def test_importing_the_slot_loads_neither_the_http_client_nor_the_cryptography():
    program = (
        "import sys, januscl.edge.slot, januscl.edge.download, januscl.edge.selftest;"
        "print([name for name in ('httpx', 'cryptography', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_file_that_grew_behind_its_id_halfway_adds_nothing_to_what_came(server, tmp_path):
    data = weights()
    wanted = server.put("m-1", data)
    server.cuts = [70_000]
    slot = server.slot(tmp_path)
    assert not slot.want(wanted)
    server.files["m-1"] = weights(size=250_000)
    assert not slot.want(wanted)
    assert "status 206, bytes 70000-250116/250117" in slot.error
    assert parts(tmp_path)[0].read_bytes() == data[:70_000]
    server.files["m-1"] = data
    assert slot.want(wanted)
