"""Rows in bulk: one Lance dataset, in a local folder or in S3, on which a writer can rely."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from januscl.core import IntegrityError, JanusError, MissingDependency, Unreachable, how_to_install
from januscl.core.files import sync
from januscl.store.blobs import no_room
from januscl.store.s3 import endpoint

Row = Mapping[str, Any]
Turn = Callable[[], AbstractContextManager[None]]

_CHUNK = 500
_SMALL_FRAGMENTS = 8
_CACHE_BYTES = 16 * 2**20
_VERSIONS = "_versions"


class Bulk:
    """Rows of one form, only ever added or forgotten, found by a key.

    Lance never calls fsync. So, of a local dataset, new rows are brought to the disk before the
    commit that names them, and the commit before the call returns. After a power cut the newest
    version may be torn; nobody was told of it, so the one before it is taken up again.

    Args:
        place: A folder, made if need be, or ``s3://bucket/prefix``.
        columns: Names and types, as pyarrow calls them, such as ``string`` or ``large_binary``.
        key: The column by which rows are found.
        rows_a_file: That small files are gathered into.
        turn: Gives the right to write, to one process and thread at a time.
    """

    def __init__(
        self, place: str, columns: Mapping[str, str], key: str, rows_a_file: int, turn: Turn
    ) -> None:
        self.place = place
        self._columns, self._key, self._rows_a_file = columns, key, rows_a_file
        self._turn = turn
        self._remote = place.startswith("s3://")
        self._options = _storage_options() if self._remote else {}
        self._ready = False
        self._session: Any = None

    def exists(self) -> bool:
        """Say whether anything was ever kept here."""
        if self._ready:
            return True
        if not self._remote:
            return any((Path(self.place) / _VERSIONS).glob("*.manifest"))
        with self._told():
            try:
                self._open()
            except ValueError:
                return False
        self._ready = True
        return True

    def count(self) -> int:
        """Return the number of rows."""
        with self._told():
            return int(self._newest().count_rows()) if self.exists() else 0

    def last(self) -> int:
        """Return the number of the latest part that was added; -1 before the first."""
        if not self.exists():
            return -1
        with self._told():
            return max((part.fragment_id for part in self._newest().get_fragments()), default=-1)

    def keys_after(self, part: int) -> set[str]:
        """Return the keys of all rows that were added after a part; see `last`."""
        if not self.exists():
            return set()
        with self._told():
            dataset = self._newest()
            later = [p for p in dataset.get_fragments() if p.fragment_id > part]
            if not later:
                return set()
            table = dataset.scanner([self._key], fragments=later).to_table()
        return set(table.column(self._key).to_pylist())

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows, durable when this returns. Call it in one's turn; see `keys_after`.

        Raises:
            StorageFull: There is no room; none of the rows was added.
            Unreachable: S3 does not answer, or refuses.
        """
        if not rows:
            return
        lance = _lance()
        with self._told():
            dataset = self._newest()
            table = self._table(rows)
            parts = lance.fragment.write_fragments(table, dataset, storage_options=self._options)
            self._sync_parts(parts)
            operation = lance.LanceOperation.Append(parts)
            self._committed(
                dataset.version,
                lance.LanceDataset.commit(
                    dataset, operation, dataset.version, storage_options=self._options
                ),
            )

    def find(self, keys: Sequence[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give those columns of the rows with these keys, in no order."""
        for start in range(0, len(keys), _CHUNK):
            yield from self.scan(columns, _one_of(self._key, keys[start : start + _CHUNK]))

    def scan(
        self, columns: Sequence[str], where: str | None = None, batch: int = 256
    ) -> Iterator[dict[str, Any]]:
        """Give those columns of all rows that fit a condition in SQL, as they were added."""
        if not self.exists():
            return
        with self._told():
            given = {"columns": list(columns), "filter": where, "batch_size": batch}
            for some in self._newest().to_batches(**given, batch_readahead=1, scan_in_order=True):
                yield from some.to_pylist()

    def forget(self, keys: Sequence[str]) -> None:
        """Forget the rows with these keys; their bytes go with the next `tidy`."""
        if not keys or not self.exists():
            return
        with self._turn(), self._told():
            dataset = self._newest()
            before = dataset.version
            dataset.delete(_one_of(self._key, keys))
            self._sync_folder("_deletions")
            self._committed(before, dataset)

    def tidy(self, older_than: timedelta) -> None:
        """Gather small files into large ones, index the key, and remove what is no longer used.

        Args:
            older_than: Files of versions younger than this stay, for those who read them.
        """
        if not self.exists():
            return
        with self._told():
            self._compact()
            with self._turn():
                self._index()
            self._newest().cleanup_old_versions(older_than, error_if_tagged_old_versions=False)

    def _compact(self) -> None:
        from lance.optimize import Compaction

        dataset = self._newest()
        small = [
            part
            for part in dataset.get_fragments()
            if part.count_rows() < self._rows_a_file // 2 or part.metadata.deletion_file
        ]
        if len(small) < _SMALL_FRAGMENTS and not any(p.metadata.deletion_file for p in small):
            return
        # A batch of pictures is megabytes, and several are read at once.
        options: Any = {
            "target_rows_per_fragment": self._rows_a_file, "batch_size": 64, "num_threads": 1,
            "materialize_deletions_threshold": 0.0,
        }  # fmt: skip
        plan = Compaction.plan(dataset, options)
        done = []
        for task in plan.tasks:
            done.append(task.execute(dataset))
            self._sync_parts(done[-1].new_fragments)
        if not done:
            return
        with self._turn():
            dataset = self._newest()
            before = dataset.version
            Compaction.commit(dataset, done)
            self._committed(before, self._newest())

    def _index(self) -> None:
        """Bring the index of keys up to date; without it each look-up reads all keys."""
        dataset = self._newest()
        before = dataset.version
        if not dataset.count_rows():
            return
        if not dataset.describe_indices():
            dataset.create_scalar_index(self._key, "BTREE")
        else:
            dataset.optimize.optimize_indices()
        self._sync_folder("_indices")
        self._committed(before, self._newest())

    def _newest(self) -> Any:
        """Return the dataset at its newest version; made, and mended, when first asked for.

        A new object each time: one that a thread moves on is not to be read by another.
        """
        if not self._ready:
            if not self._remote and self.exists():
                with self._turn():
                    self._mend()
            if not self.exists():
                self._make()
            self._ready = True
        return self._open()

    def _open(self) -> Any:
        lance = _lance()
        if self._session is None:
            # Of each version all parts are described, and by default Lance remembers a gigabyte.
            self._session = lance.Session(
                index_cache_size_bytes=_CACHE_BYTES, metadata_cache_size_bytes=_CACHE_BYTES
            )
        return lance.dataset(self.place, storage_options=self._options, session=self._session)

    def _make(self) -> None:
        if not self._remote:
            Path(self.place).parent.mkdir(parents=True, exist_ok=True)
        with self._turn():
            if self.exists():  # another process was first
                return
            made = _lance().write_dataset(
                self._table([]), self.place, storage_options=self._options
            )
            self._committed(0, made)
            if not self._remote:
                sync(Path(self.place).parent)
                sync(Path(self.place).parent.parent)

    def _mend(self) -> None:
        """Put versions aside that a power cut tore; what was acknowledged is in none of them."""
        folder = Path(self.place)
        for manifest in sorted((folder / _VERSIONS).glob("*.manifest")):  # the newest comes first
            if self._whole(_version_of(manifest)):
                return
            aside = folder / "torn"
            aside.mkdir(exist_ok=True)
            manifest.rename(aside / f"{time.time_ns()}-{manifest.name}")
            (folder / _VERSIONS / "latest_version_hint.json").unlink(missing_ok=True)
            sync(folder / _VERSIONS)

    def _whole(self, version: int) -> bool:
        """Say whether a version can be opened, and all its files are as long as they should be."""
        try:
            dataset = _lance().dataset(self.place, version=version)
            for part in dataset.get_fragments():
                for file in part.data_files():
                    path = Path(self.place) / "data" / file.path
                    if path.stat().st_size != file.file_size_bytes:
                        return False
                if part.metadata.deletion_file:
                    dataset.scanner([self._key], fragments=[part]).to_table()
        except (OSError, ValueError, RuntimeError):
            return False
        except BaseException as error:
            if _panicked(error):
                return False
            raise
        return True

    def _committed(self, before: int, dataset: Any) -> None:
        """Bring a new version to the disk."""
        if self._remote or dataset.version == before:
            return
        folder = Path(self.place)
        for version in range(before + 1, dataset.version + 1):
            manifest = folder / _VERSIONS / _manifest_of(version)
            if manifest.is_file():
                sync(manifest)
        for path in (folder / "_transactions").glob(f"{before}-*"):
            sync(path)
        for name in ("_transactions", _VERSIONS, "."):
            sync(folder / name)

    def _sync_parts(self, parts: Sequence[Any]) -> None:
        if self._remote:
            return
        for part in parts:
            for file in part.files:
                sync(Path(self.place) / "data" / file.path)
        sync(Path(self.place) / "data")

    def _sync_folder(self, name: str) -> None:
        folder = Path(self.place) / name
        if not self._remote and folder.is_dir():
            for path in (folder, *folder.rglob("*")):
                sync(path)

    def _table(self, rows: Sequence[Row]) -> Any:
        arrow: Any = import_module("pyarrow")
        utc = arrow.timestamp("us", "UTC")
        kinds = [
            (name, utc if kind == "time" else getattr(arrow, kind)())
            for name, kind in self._columns.items()
        ]
        return arrow.Table.from_pylist(rows, schema=arrow.schema(kinds))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn Lance's errors, which quote whole answers of a server, into ours."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, JanusError):
                raise
            if self._remote:
                raise Unreachable(
                    f"{self.place} did not answer as it should ({type(error).__name__}). Check "
                    "the network, and the credentials and region in the environment."
                ) from None
            raise no_room(error, f"observation log {self.place}") from error
        except BaseException as error:
            if not _panicked(error):
                raise
            raise IntegrityError(f"{self.place} cannot be read or written: {error}") from error


def _panicked(error: BaseException) -> bool:
    """Say whether Lance gave up, which no handler of errors would catch."""
    return type(error).__module__ == "pyo3_runtime"


def _lance() -> Any:
    try:
        return import_module("lance")
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"the observation log needs pylance; install it with: {how_to_install('service')}"
        ) from error


def _storage_options() -> dict[str, str]:
    """Return how to reach S3, beside what Lance takes from the environment itself."""
    found = endpoint()
    options = {"endpoint": found, "allow_http": "true"} if found.startswith("http://") else {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {**options, "region": region} if region else options


def quoted(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def _one_of(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(map(quoted, values))})"


def _manifest_of(version: int) -> str:
    return f"{2**64 - 1 - version:020d}.manifest"


def _version_of(manifest: Path) -> int:
    return 2**64 - 1 - int(manifest.stem)
