"""The observation log: what was acknowledged stays, once, in a folder and in S3."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from januscl.core import (
    Campaign,
    Conflict,
    Cost,
    Frame,
    Instances,
    IntegrityError,
    NotFound,
    Novelty,
    NoveltyState,
    Observation,
)
from januscl.store import (
    EMBEDDINGS,
    IMAGE,
    Finding,
    LogMarks,
    LogRecord,
    Parcel,
    Workspace,
    Wrong,
    backup,
    bulk,
    fsck,
    restore,
    tend,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)


def record(number, camera="cam-1", **changed):
    at = NOON + timedelta(minutes=number)
    given = {"id": f"o-{number}", "at": at, "robot": "robot-1", "camera": camera, "model": "m-0"}
    return LogRecord(**{**given, "record": f'{{"number": {number}}}', **changed})


def parcel(number, data=None, kind=IMAGE):
    data = b"picture %d" % number if data is None else data
    at = NOON + timedelta(minutes=number)
    return Parcel(f"o-{number}", kind, sha256(data).hexdigest(), at, "cam-1", data)


@pytest.fixture(params=["folder", "bucket"])
def workspace(request, tmp_path):
    blobs = tmp_path / "blobs"
    if request.param == "bucket":
        blobs = f"s3://{request.getfixturevalue('bucket').name}/site"
    with Workspace.open(tmp_path / "site", blobs=blobs) as workspace:
        yield workspace


@pytest.fixture
def local(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        yield workspace


def ids(found):
    return [row["id"] for row in found]


def fill(workspace, numbers):
    """Keep observations as a drained inbox leaves them: rows in the catalogue, bytes in the log."""
    parcels = {number: parcel(number) for number in numbers}
    marks = workspace.log.append(
        map(record, numbers),
        parcels.values(),
        workspace.catalogue.log.get(),
        workspace.catalogue.observations.known,
    )
    with workspace.catalogue.transaction() as tx:
        for sent in parcels.values():
            frame = Frame(np.zeros((2, 2, 3), np.uint8), "cam-1", "robot-1", sent.at)
            seen = Observation(sent.observation, frame, Instances.of_masks([], []), "m-0")
            tx.observations.add(seen, sent.sha256)
        tx.log.put(marks)
    return parcels


def test_what_was_appended_is_read_by_id_and_by_time_camera_and_columns(workspace):
    log = workspace.log
    assert (log.exists(), log.count(), list(log.scan())) == (False, (0, 0), [])
    log.append([record(n, f"cam-{n % 2}") for n in range(6)], [parcel(n) for n in range(3)])
    assert (log.exists(), log.count()) == (True, (6, 3))
    assert {found.id: found for found in log.records(["o-4", "o-9"])} == {"o-4": record(4, "cam-0")}
    assert log.parcel("o-1", parcel(1).sha256) == b"picture 1"
    since, until = NOON + timedelta(minutes=1), NOON + timedelta(minutes=4)
    assert ids(log.scan(["id"], since=since, until=until)) == ["o-1", "o-2", "o-3"]
    assert ids(log.scan(["id"], camera="cam-1")) == ["o-1", "o-3", "o-5"]
    assert list(log.scan(["at", "robot"], until=since)) == [{"at": NOON, "robot": "robot-1"}]
    (bytes_,) = [row["data"] for row in log.parcels(["data"], since=NOON + timedelta(minutes=2))]
    assert bytes_ == b"picture 2"
    with pytest.raises(NotFound):
        log.parcel("o-0", parcel(1).sha256)


def test_the_same_id_twice_is_one_observation(workspace):
    log = workspace.log
    first = log.append([record(0), record(1), record(0, model="m-1")], [parcel(0), parcel(0)])
    again = log.append([record(1), record(2)], [parcel(0), parcel(0, b"v", EMBEDDINGS)])
    assert ids(log.scan(["id"])) == ["o-0", "o-1", "o-2"]
    assert log.records(["o-0"])[0].model == "m-0"
    assert [row["kind"] for row in log.parcels(["kind"])] == [IMAGE, EMBEDDINGS]
    assert (first, again) == (LogMarks(0, 0), LogMarks(1, 1))
    third = log.append([record(2), record(3)], (), LogMarks(0, 1), lambda ids: {})
    assert third == LogMarks(2, 1)
    assert ids(log.scan(["id"])) == ["o-0", "o-1", "o-2", "o-3"]


def test_what_a_dead_worker_added_is_found_again_whenever_it_comes(local):
    known = local.catalogue.observations.known
    fill(local, [0])
    local.log.append([record(n) for n in (1, 2, 3)], [parcel(n) for n in (1, 2, 3)])
    marks = local.log.append([record(1)], [parcel(1)], local.catalogue.log.get(), known)
    assert marks.strays == {"o-2", "o-3", *(f"o-{n} {parcel(n).sha256}" for n in (2, 3))}
    local.catalogue.log.put(marks)
    assert local.catalogue.log.get() == marks
    local.log.tidy(AT_ONCE)
    for number in (2, 3, 4):
        fill(local, [number])
    assert sorted(ids(local.log.scan(["id"]))) == [f"o-{n}" for n in range(5)]
    assert local.log.count() == (5, 5)
    assert local.catalogue.log.get().strays == frozenset()


def test_two_writers_at_once_add_each_observation_once(local):
    with Workspace.open(local.folder) as other, ThreadPoolExecutor(2) as pool:

        def write(log):
            for number in range(8):
                log.append([record(number), record(number + 1)], [parcel(number)])

        list(pool.map(write, (local.log, other.log)))
    assert sorted(ids(local.log.scan(["id"]))) == [f"o-{n}" for n in range(9)]
    assert local.log.count() == (9, 8)


def test_all_of_an_append_is_on_the_disk_before_it_is_told(local, monkeypatch):
    synced = set()

    def sync(path):
        assert path.exists()
        synced.add(path.resolve())

    monkeypatch.setattr(bulk, "sync", sync)
    local.log.append([record(0)], [parcel(0)])
    synced.clear()
    before = {path for path in (local.folder / "log").rglob("*") if path.is_file()}
    local.log.append([record(1)], [parcel(1)])
    written = {path for path in (local.folder / "log").rglob("*") if path.is_file()} - before
    assert len(written) == 6, "data, manifest and transaction of both"
    assert {path.resolve() for path in written} <= synced
    assert {path.parent.resolve() for path in written} <= synced


@pytest.mark.parametrize("length", [0, 100])
@pytest.mark.parametrize("torn", ["_versions/*.manifest", "data/*.lance"])
def test_a_version_that_a_power_cut_tore_is_put_aside_and_nothing_told_is_lost(local, torn, length):
    folder = Path(local.log.place) / "records.lance"
    marks = local.log.append([record(0)])
    before = set(folder.glob(torn))
    local.log.append([record(1)], (), marks)
    (fresh,) = set(folder.glob(torn)) - before
    with fresh.open("r+b") as file:
        file.truncate(length)
    with Workspace.open(local.folder) as after:
        after.log.append([record(1), record(2)], (), marks)
        assert ids(after.log.scan(["id"])) == ["o-0", "o-1", "o-2"]
        after.log.tidy(AT_ONCE)
        assert ids(after.log.scan(["id"])) == ["o-0", "o-1", "o-2"]


def test_a_log_whose_very_first_version_was_torn_is_begun_again(local):
    local.log.append([record(0)])
    for manifest in (Path(local.log.place) / "records.lance" / "_versions").glob("*.manifest"):
        manifest.write_bytes(b"")
    with Workspace.open(local.folder) as after:
        after.log.append([record(0)])
        assert ids(after.log.scan(["id"])) == ["o-0"]


def test_a_log_is_tidied_and_read_while_it_is_written(local):
    marks = fill_slowly(local, range(10))
    with ThreadPoolExecutor(3) as pool:
        writing = pool.submit(fill_slowly, local, range(10, 60), marks)
        while not writing.done():
            tidying = pool.submit(local.log.tidy, AT_ONCE)
            assert local.log.parcel("o-5", parcel(5).sha256) == b"picture 5"
            tidying.result()
        writing.result()
    assert local.log.count() == (60, 60)


def fill_slowly(workspace, numbers, marks=None):
    for number in numbers:
        marks = workspace.log.append([record(number)], [parcel(number)], marks)
    return marks


def test_damaged_bytes_are_never_given(local):
    local.log.append([], [parcel(0), parcel(2)])
    (file,) = (Path(local.log.place) / "parcels.lance" / "data").iterdir()
    file.write_bytes(file.read_bytes().replace(b"picture 0", b"picture 1"))
    with Workspace.open(local.folder) as after:
        many = after.log.bytes_of((p.observation, p.sha256) for p in (parcel(0), parcel(2)))
        assert many == {parcel(2).sha256: parcel(2).data}
        with pytest.raises(IntegrityError, match="damaged"):
            after.log.parcel("o-0", parcel(0).sha256)


def test_the_bytes_of_many_observations_come_in_one_look(workspace):
    assert workspace.log.bytes_of([("o-0", parcel(0).sha256)]) == {}
    parcels = fill(workspace, range(5))
    wanted = [(sent.observation, sent.sha256) for sent in parcels.values()]
    found = workspace.log.bytes_of([*wanted, ("o-9", parcel(9).sha256)])
    assert found == {sent.sha256: sent.data for sent in parcels.values()}


def test_tidying_gathers_many_small_files_and_loses_nothing(workspace):
    fill(workspace, range(2))
    for number in range(2, 20):
        fill(workspace, [number])
    tend(workspace, older_than=AT_ONCE)
    assert workspace.log.parcel("o-3", parcel(3).sha256) == b"picture 3"
    fill(workspace, [20])
    tend(workspace, older_than=AT_ONCE)
    assert ids(workspace.log.scan(["id"])) == [f"o-{n}" for n in range(21)]
    for number in range(21):
        assert workspace.log.parcel(f"o-{number}", parcel(number).sha256) == parcel(number).data
    assert fsck(workspace, on_its_way=AT_ONCE).findings == ()
    if not workspace.log.place.startswith("s3:"):
        for name in ("records", "parcels"):
            files = list((Path(workspace.log.place) / f"{name}.lance" / "data").iterdir())
            assert len(files) <= 3, "the small ones are gone"


def test_old_pictures_are_forgotten_but_for_those_that_something_needs(workspace):
    catalogue = workspace.catalogue
    fill(workspace, range(8))
    cost = Cost(1.0, 0.5, 2.0)
    seen = Novelty("n", "bag", NoveltyState.NEW, NOON, NOON, 1, ("robot-1",), cost)
    catalogue.novelties.put(seen)
    catalogue.campaigns.put(Campaign("c", "n", 5, NOON, NOON, ("o-1",)))
    catalogue.novelties.assign("n", [("o-2", 0)])
    assert catalogue.pins.add(["o-3", "o-3", "o-6"], "detector") == 2
    assert catalogue.pins.add(["o-3"], "detector") == 0
    assert catalogue.pins.list("detector") == ["o-3", "o-6"]
    before = NOON + timedelta(minutes=5)
    assert tend(workspace, forget_before=before, older_than=AT_ONCE) == 2
    kept = [row["observation"] for row in workspace.log.parcels(["observation"])]
    assert kept == [f"o-{n}" for n in (1, 2, 3, 5, 6, 7)]
    assert catalogue.observations.get("o-4").image is None
    assert catalogue.observations.get("o-3").image == parcel(3).sha256
    assert len(list(workspace.log.scan(["id"]))) == 8, "records stay"
    assert fsck(workspace, on_its_way=AT_ONCE).findings == ()
    assert tend(workspace, forget_before=before) == 0


def test_only_one_process_tends_the_log_at_a_time(local):
    fill(local, [0])
    with (
        Workspace.open(local.folder) as other,
        other.catalogue.database.turn("log-tending"),
        ThreadPoolExecutor(1) as pool,
        pytest.raises(Conflict),
    ):
        pool.submit(tend, local).result()


def test_a_check_finds_what_the_log_lacks_and_what_is_too_much(workspace):
    fill(workspace, range(2))
    assert fsck(workspace, on_its_way=AT_ONCE).logged == 2
    stray, gone = parcel(2), parcel(9)
    workspace.log.append([], [stray])
    workspace.catalogue.observations.set_image("o-1", gone.sha256)
    found = fsck(workspace, on_its_way=AT_ONCE).findings
    assert set(found) == {
        Finding(Wrong.MISSING, gone.sha256, "image of observations o-1"),
        Finding(Wrong.ORPHANED, parcel(1).sha256, "image of observation o-1, in the log"),
        Finding(Wrong.ORPHANED, stray.sha256, "image of observation o-2, in the log"),
    }


def test_a_log_comes_back_from_a_backup_without_what_came_after_it(workspace, tmp_path):
    fill(workspace, range(3))
    workspace.log.append([record(3)], [parcel(3)])  # not yet told of in the catalogue
    saved = backup(workspace, tmp_path / "saved")
    assert (saved.logged, saved.findings) == (8, ())
    back = restore(tmp_path / "saved", tmp_path / "again")
    assert (back.logged, back.findings) == (6, ())
    with Workspace.open(tmp_path / "again") as again:
        assert fsck(again, on_its_way=AT_ONCE).findings == ()
        assert again.log.parcel("o-2", parcel(2).sha256) == b"picture 2"
        fill(again, [3])
        assert ids(again.log.scan(["id"])) == ["o-0", "o-1", "o-2", "o-3"]


def test_a_writer_of_many_small_appends_does_not_grow_with_them(local, monkeypatch):
    monkeypatch.setattr(bulk, "_CACHE_BYTES", 200_000)
    marks = LogMarks()
    for number in range(40):
        marks = local.log.append([record(number)], (), marks)
    assert local.log._records._session.size_bytes() < 400_000
