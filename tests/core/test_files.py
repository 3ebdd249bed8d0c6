import os
import resource
import stat
from multiprocessing import get_context

import pytest

from januscl.core import StorageFull
from januscl.core.files import room_for, write_atomically


@pytest.fixture
def no_room():
    """Forbid files over 1000 bytes, as a quota would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_written_with_the_folders_on_its_way(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_older_file_and_nothing_beside_it(tmp_path, no_room):
    path = tmp_path / "c.json"
    write_atomically(path, b"first")
    with pytest.raises(StorageFull, match=r"no room to write .*c\.json; .* is intact. Free some"):
        write_atomically(path, b"x" * 2000)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_that_is_not_want_of_room_stays_what_it_is(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "taken", b"data")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(PermissionError), room_for(tmp_path):
        raise PermissionError


def test_the_content_reaches_the_disk_before_its_name_does_and_the_name_before_it_returns(
    tmp_path, monkeypatch
):
    done = []

    def noted(name, function):
        def wrapper(*arguments):
            folder = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            done.append(f"{name} folder" if folder else name)
            return function(*arguments)

        return wrapper

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    write_atomically(tmp_path / "c.json", b"data")
    assert done == ["fsync", "replace", "fsync folder"]


def write_often(path, letter):
    for _ in range(40):
        write_atomically(path, letter * 50_000)


def test_writers_of_one_file_do_not_meet_and_a_reader_sees_one_of_them_whole(tmp_path):
    path = tmp_path / "c.bin"
    write_atomically(path, b"0" * 50_000)
    writers = [
        get_context("fork").Process(target=write_often, args=(path, x)) for x in (b"1", b"2")
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        data = path.read_bytes()
        assert len(data) == 50_000
        assert len(set(data)) == 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert list(tmp_path.iterdir()) == [path]
