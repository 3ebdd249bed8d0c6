import sqlite3
from itertools import pairwise

import pytest

from januscl.core import IntegrityError
from januscl.edge.counters import Counters
from januscl.edge.journal import Place
from januscl.edge.keep import DROP_ORDER, Keep
from januscl.edge.spool import Row, Spool

MIB = 2**20


def spool(path, limit=64 * MIB, counters=None):
    return Spool(path / "spool.sqlite", limit, counters or Counters())


def rows(prefix, count, keep=Keep.ORDINARY, size=60_000):
    return [Row(f"{prefix}{n:04d}", keep, prefix.encode() + bytes(size)) for n in range(count)]


def ids(found):
    return [row.id for row in found]


def test_what_was_kept_is_there_when_it_is_opened_again(tmp_path):
    first = spool(tmp_path)
    first.take_in(Place(7, 700), rows("r", 3, size=100), taken={"c": 2})
    first.take_in(None, taken={"c": 1})
    first.close()
    again = spool(tmp_path)
    assert ids(again.records(9, MIB)) == ["r0000", "r0001", "r0002"]
    assert again.place() == Place(7, 700)
    assert again.taken() == {"c": 3}


def test_each_commit_is_synced_to_the_disk(tmp_path):
    kept = spool(tmp_path)
    assert kept._sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert kept._sql.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_same_id_twice_is_one_observation_and_the_later_pick_counts(tmp_path):
    kept = spool(tmp_path)
    kept.take_in(None, rows("r", 1, size=5), [Row("x", Keep.ORDINARY, b"first")])
    kept.take_in(None, rows("r", 1, size=9), [Row("x", Keep.FAILED, b"second")])
    assert len(kept.records(9, MIB)[0].data) == 6
    assert kept.outcomes(9) == [Row("x", Keep.FAILED, b"second")]


def test_ordinary_pixels_go_before_anything_else_and_the_oldest_first(tmp_path):
    counters = Counters()
    kept = spool(tmp_path, 8 * MIB, counters)
    kept.take_in(None, rows("f", 50, Keep.FAILED, 900), pixels=rows("f", 50, Keep.FAILED))
    for n in range(20):
        kept.take_in(None, pixels=rows(f"o{n:02d}", 20))
    assert kept.stored("pixels", Keep.FAILED) == 50
    assert kept.stored("records", Keep.FAILED) == 50
    left = kept.stored("pixels", Keep.ORDINARY)
    assert 0 < left < 400
    assert counters.all() == {"dropped_ordinary_pixels": 400 - left}
    kept.promote({f"o19{n:04d}": Keep.WANTED for n in range(20)})
    assert kept.stored("pixels", Keep.WANTED) == 20


def test_the_stated_order_is_the_order(tmp_path):
    kept = spool(tmp_path, 40 * MIB)
    for table, keep in DROP_ORDER:
        if table != "rejects":
            kept.take_in(None, **{table: rows(f"{table}{keep}", 8, keep)})
    whole = {(t, k): kept.stored(t, k) for t, k in DROP_ORDER if t != "rejects"}
    assert set(whole.values()) == {8}
    emptied = []
    for _ in range(60):
        kept.squeeze()
        for step in whole:
            if step not in emptied and kept.stored(*step) == 0:
                emptied.append(step)
    order = [step for step in DROP_ORDER if step in emptied]
    assert emptied == order
    assert len(emptied) > 10


def test_a_failed_pick_outlives_everything_that_is_not_one():
    place = {step: index for index, step in enumerate(DROP_ORDER)}
    for table, keep in DROP_ORDER:
        if keep < Keep.WANTED and table == "pixels":
            assert place[table, keep] < place["pixels", Keep.WANTED]
            assert place[table, keep] < place["pixels", Keep.FAILED]
    for lower, higher in pairwise(Keep):
        assert place["pixels", lower] < place["pixels", higher]
        assert place["records", lower] < place["records", higher]


def test_the_file_stays_within_its_bytes_whatever_comes(tmp_path):
    limit = 8 * MIB
    kept = spool(tmp_path, limit)
    for n in range(150):
        kept.take_in(None, rows(f"r{n:03d}", 20, size=2000), pixels=rows(f"r{n:03d}", 16))
        if n % 10 == 0:
            total = sum(p.stat().st_size for p in tmp_path.iterdir())
            assert total <= limit + limit // 16 + 8 * MIB


def test_counters_of_what_was_dropped_survive_a_restart(tmp_path):
    counters = Counters()
    kept = spool(tmp_path, 4 * MIB, counters)
    for n in range(10):
        kept.take_in(None, pixels=rows(f"{n}", 16))
    dropped = counters.all()["dropped_ordinary_pixels"]
    assert dropped == 160 - kept.stored("pixels", Keep.ORDINARY) > 0
    kept.close()
    again = Counters()
    spool(tmp_path, 4 * MIB, again)
    assert again.all()["dropped_ordinary_pixels"] == dropped


def test_metadata_goes_before_its_outcome_and_pixels(tmp_path):
    kept = spool(tmp_path)
    kept.take_in(None, rows("a", 2, size=9), rows("a", 2, size=9), rows("a", 2, Keep.EVENT, size=9))
    assert kept.outcomes(9) == kept.pixels(9) == []
    kept.sent("records", kept.records(1, MIB))
    assert ids(kept.outcomes(9)) == ids(kept.pixels(9)) == ["a0000"]


def test_pixels_are_offered_when_wanted_and_what_matters_most_comes_first(tmp_path):
    kept = spool(tmp_path)
    for keep in Keep:
        kept.take_in(None, pixels=[Row(keep.name, keep, b"jpeg")])
    assert ids(kept.pixels(9)) == ["FAILED", "WANTED", "EVENT", "AROUND", "RANDOM"]
    assert kept.promote({"ORDINARY": Keep.WANTED, "absent": Keep.WANTED}) == {"ORDINARY"}
    assert "ORDINARY" in ids(kept.pixels(9))


def test_an_outcome_that_changed_while_the_old_one_was_sent_stays(tmp_path):
    kept = spool(tmp_path)
    kept.take_in(None, outcomes=[Row("x", Keep.ORDINARY, b"first")])
    sending = kept.outcomes(9)
    kept.take_in(None, outcomes=[Row("x", Keep.ORDINARY, b"second")])
    kept.sent("outcomes", sending)
    assert kept.outcomes(9) == [Row("x", Keep.ORDINARY, b"second")]


def test_a_file_that_is_no_database_is_kept_aside_and_a_new_one_begun(tmp_path):
    (tmp_path / "spool.sqlite").write_bytes(b"rubbish" * 1000)
    counters = Counters()
    kept = spool(tmp_path, counters=counters)
    kept.take_in(None, rows("r", 2, size=9))
    assert len(kept.records(9, MIB)) == 2
    assert counters.all()["spool_damaged"] == 1
    assert (tmp_path / "spool.sqlite.damaged").read_bytes() == b"rubbish" * 1000


def test_damage_met_at_work_is_told_once_and_then_it_goes_on(tmp_path):
    counters = Counters()
    kept = spool(tmp_path, counters=counters)
    kept.take_in(None, rows("r", 400, size=3000))
    kept.close()
    path = tmp_path / "spool.sqlite"
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2 // 16384 * 16384, len(data), 16384):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)
    kept = spool(tmp_path, counters=counters)
    with pytest.raises(IntegrityError, match="damaged"):
        kept.records(500, 64 * MIB)
    assert counters.all()["spool_damaged"] == 1
    kept.take_in(None, rows("after", 2, size=9))
    assert ids(kept.records(9, MIB)) == ["after0000", "after0001"]


def test_a_reject_is_kept_with_its_reason_and_takes_what_hangs_on_it_along(tmp_path):
    counters = Counters()
    kept = spool(tmp_path, counters=counters)
    kept.take_in(None, rows("a", 2, size=9), rows("a", 2, size=9), rows("a", 2, size=9))
    kept.reject("records", kept.records(1, MIB)[0], "422: rubbish")
    assert kept.rejects() == [("a0000", "records", "422: rubbish")]
    assert kept.waiting() == {"records": 1, "outcomes": 1, "pixels": 0}
    assert kept.stored("pixels", Keep.ORDINARY) == 1
    assert counters.all()["rejected_records"] == 1
