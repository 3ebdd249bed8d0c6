import fcntl
import os
import random

import pytest

from januscl.core import Conflict, InvalidInput, StorageFull
from januscl.edge.journal import Journal, Place

SIZE = 8192


def payloads(journal):
    return [entry.payload for entry in journal.pending()]


def test_what_was_appended_is_there_after_the_process_ended(tmp_path):
    first = Journal(tmp_path / "j", SIZE, None)
    first.append(b"one")
    first.append(b"two" * 100)
    assert payloads(Journal(tmp_path / "j", SIZE, Place())) == [b"one", b"two" * 100]


def test_each_write_waits_for_the_disk(tmp_path):
    journal = Journal(tmp_path / "j", SIZE, None)
    assert fcntl.fcntl(journal._file, fcntl.F_GETFL) & os.O_DSYNC


def test_what_was_released_does_not_come_back(tmp_path):
    first = Journal(tmp_path / "j", SIZE, None)
    first.append(b"one")
    place = first.pending()[0].end
    first.release(place)
    first.append(b"two")
    assert payloads(first) == [b"two"]
    assert payloads(Journal(tmp_path / "j", SIZE, place)) == [b"two"]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_appends_releases_and_restarts_keeps_what_was_not_released(tmp_path, seed):
    rng = random.Random(seed)
    journal, place, expected, number = Journal(tmp_path / "j", SIZE, None), Place(), [], 0
    for _ in range(200):
        act = rng.random()
        if act < 0.7:
            payload = b"%d " % number + rng.randbytes(rng.choice((0, 1, 40, 700, 2500)))
            try:
                journal.append(payload)
            except StorageFull:
                assert sum(map(len, expected)) > SIZE // 4
            else:
                expected.append(payload)
                number += 1
        elif act < 0.85 and journal.pending():
            place = journal.pending()[-1].end
            journal.release(place)
            expected = []
        else:
            journal.close()
            journal = Journal(tmp_path / "j", 4 * SIZE, place)
        assert payloads(journal) == expected


@pytest.mark.parametrize("seed", range(5))
def test_where_nobody_knows_what_was_released_all_that_is_whole_comes_back_in_order(tmp_path, seed):
    rng = random.Random(seed)
    journal, written = Journal(tmp_path / "j", SIZE, None), []
    for number in range(100):
        written.append(b"%d " % number + rng.randbytes(rng.randrange(600)))
        journal.append(written[-1])
        if rng.random() < 0.5:
            journal.release(journal.pending()[-1].end)
            waiting = []
        else:
            waiting = payloads(journal)
    journal.close()
    again = Journal(tmp_path / "j", SIZE, None)
    found = payloads(again)
    assert found == written[-len(found) :]
    assert len(found) >= max(5, len(waiting))
    with pytest.raises(StorageFull):
        again.append(b"x" * 2000)
    again.release(again.pending()[-1].end)
    again.append(b"after")
    end = Place(again.pending()[0].end.seq - 1, again.pending()[0].end.offset - 32)
    assert payloads(Journal(tmp_path / "j", SIZE, end)) == [b"after"]


@pytest.mark.parametrize("torn", [1, 10, 20, 60])
def test_an_entry_torn_by_a_power_cut_is_none_and_the_ones_before_it_are_whole(tmp_path, torn):
    first = Journal(tmp_path / "j", SIZE, None)
    first.append(b"whole")
    end = first.pending()[0].end.offset
    first.append(b"torn" * 20)
    with (tmp_path / "j").open("r+b") as file:
        file.seek(end + torn)
        file.write(bytes(200))
    again = Journal(tmp_path / "j", SIZE, Place())
    assert payloads(again) == [b"whole"]
    again.append(b"next")
    assert payloads(Journal(tmp_path / "j", SIZE, Place())) == [b"whole", b"next"]


def test_a_full_journal_says_so_and_keeps_what_it_has(tmp_path):
    journal = Journal(tmp_path / "j", SIZE, None)
    with pytest.raises(StorageFull, match="journal is full"):  # noqa: PT012
        for _ in range(100):
            journal.append(b"x" * 1000)
    assert len(journal.pending()) == 8
    assert len(payloads(Journal(tmp_path / "j", SIZE, Place()))) == 8


def test_spare_room_is_left_for_what_matters_more(tmp_path):
    journal = Journal(tmp_path / "j", SIZE, None)
    with pytest.raises(StorageFull):  # noqa: PT012
        for _ in range(100):
            journal.append(b"x" * 1000, spare=0.5)
    assert len(journal.pending()) == 4
    journal.append(b"x" * 1000)


def test_what_can_never_fit_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="journal_bytes"):
        Journal(tmp_path / "j", SIZE, None).append(bytes(SIZE))


def test_a_closed_journal_writes_into_no_other_file(tmp_path):
    journal = Journal(tmp_path / "j", SIZE, None)
    journal.close()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    with pytest.raises(Conflict, match="closed"):
        journal.append(b"stray")
    assert os.fstat(other).st_size == 0
    os.close(other)


def test_a_file_that_was_emptied_is_begun_anew(tmp_path):
    (tmp_path / "j").write_bytes(b"")
    journal = Journal(tmp_path / "j", SIZE, None)
    journal.append(b"one")
    assert (tmp_path / "j").stat().st_size == SIZE
