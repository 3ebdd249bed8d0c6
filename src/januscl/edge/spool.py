"""The spool: what was observed and not yet sent, on disk, within its bytes."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final

from januscl.core import IntegrityError
from januscl.edge.counters import Counters
from januscl.edge.journal import Place
from januscl.edge.keep import DROP_ORDER, Keep
from januscl.edge.tables import connect, failures, set_aside, transaction

_KEPT_REJECTS = 1000
_REMEMBERED = 4096
_HYSTERESIS: Final = 64
"""One 64th of the limit more than needed is dropped, so that not each commit has to drop."""


@dataclass(frozen=True)
class Row:
    """Something kept under an observation's id.

    Attributes:
        id: Of the observation.
        keep: How much it matters.
        data: A packed observation, a pick as JSON, or a JPEG.
    """

    id: str
    keep: Keep
    data: bytes


class Spool:
    """A SQLite file (WAL, ``synchronous=FULL``); safe between threads.

    A damaged file is kept under another name and a new one begun; the call that met the damage
    raises `IntegrityError` once, and the counter ``spool_damaged`` tells of it.

    Args:
        path: The file.
        limit: Bytes that its content may take. The file itself takes at most one 16th and 8 MiB
            more, for its log.
        counters: Restored from the file, and kept in it with each change.

    Raises:
        StorageFull: There is no room to begin it.
    """

    def __init__(self, path: Path, limit: int, counters: Counters) -> None:
        self._path, self._limit, self._counters = path, limit, counters
        self._lock = RLock()
        self._news: dict[str, int] = {}
        self._pixels_sent: deque[str] = deque(maxlen=_REMEMBERED)
        try:
            self._open()
            counters.restore(self._numbers("counters"))
        except IntegrityError:
            self._begin_anew()

    def place(self) -> Place | None:
        """Return how far the journal was taken in; None in a new file, which does not know."""
        state = self._numbers("state")
        return Place(state["seq"], state["offset"]) if "seq" in state else None

    def taken(self) -> dict[str, int]:
        """Return how many frames each campaign has got."""
        return self._numbers("campaigns")

    def take_in(
        self,
        place: Place | None,
        records: Sequence[Row] = (),
        outcomes: Sequence[Row] = (),
        pixels: Sequence[Row] = (),
        raised: Mapping[str, Keep] | None = None,
        taken: Mapping[str, int] | None = None,
    ) -> set[str]:
        """Keep all of this in one durable commit, and drop by `DROP_ORDER` what it displaces.

        What is there already under an id stays, but an outcome, which the later one replaces.

        Args:
            place: How far the journal is then taken in; None leaves it.
            records: Packed observations.
            outcomes: Picks.
            pixels: JPEGs.
            raised: Observations, new ones or not, that matter at least so much.
            taken: Frames more that each campaign has got.

        Returns:
            Ids of ``raised`` whose pixels are here, or were sent a short while ago.
        """
        with self._write():
            self._make_room(sum(len(row.data) for row in (*records, *outcomes, *pixels)))
            self._insert("records", "IGNORE", records)
            self._insert("outcomes", "REPLACE", outcomes)
            self._insert("pixels", "IGNORE", pixels)
            here = self._raise(raised or {})
            if place is not None:
                self._set("state", {"seq": place.seq, "offset": place.offset})
            if taken:
                so_far = self._numbers("campaigns")
                self._set("campaigns", {id: so_far.get(id, 0) + n for id, n in taken.items()})
            return here

    def promote(self, raised: Mapping[str, Keep]) -> set[str]:
        """Say that observations matter at least so much; see `take_in` for what it returns."""
        with self._write():
            return self._raise(raised)

    def records(self, most: int, most_bytes: int) -> list[Row]:
        """Return the oldest observations that were not sent."""
        return self._oldest("records", "", most, most_bytes)

    def outcomes(self, most: int) -> list[Row]:
        """Return the oldest outcomes whose observation is not waiting itself."""
        return self._oldest("outcomes", f"WHERE {_OBSERVATION_SENT}", most, 2**30)

    def pixels(self, most: int) -> list[Row]:
        """Return pixels to be sent whose observation is not waiting itself, what matters first."""
        found: list[Row] = []
        # One by one along the index: to sort them all would read them all.
        for keep in sorted(Keep, reverse=True)[:-1]:
            where = f"WHERE keep = {int(keep)} AND {_OBSERVATION_SENT}"
            found += self._oldest("pixels", where, most - len(found), 2**30)
        return found

    def sent(self, table: str, rows: Sequence[Row]) -> None:
        """Forget rows that the service has, unless they changed meanwhile."""
        with self._write():
            self._sql.executemany(
                f"DELETE FROM {table} WHERE id = ? AND data = ?",
                [(row.id, row.data) for row in rows],
            )
            self._count(f"sent_{table}", len(rows))
        if table == "pixels":
            self._pixels_sent.extend(row.id for row in rows)

    def reject(self, table: str, row: Row, reason: str) -> None:
        """Move a row that can never be sent to the rejects, and what hangs on it with it."""
        with self._write():
            kept = b"" if table == "pixels" else row.data
            self._sql.execute(
                "INSERT INTO rejects (id, keep, what, reason, data) VALUES (?, 0, ?, ?, ?)",
                (row.id, table, reason[:500], kept),
            )
            self._sql.execute(
                "DELETE FROM rejects WHERE seq <= (SELECT max(seq) FROM rejects) - ?",
                (_KEPT_REJECTS,),
            )
            for name in ("records", "outcomes", "pixels") if table == "records" else (table,):
                self._sql.execute(f"DELETE FROM {name} WHERE id = ?", (row.id,))
            self._count(f"rejected_{table}")

    def rejects(self) -> list[tuple[str, str, str]]:
        """Return id, table and reason of what the service would never take, oldest first."""
        with self._read():
            return self._sql.execute("SELECT id, what, reason FROM rejects ORDER BY seq").fetchall()

    def waiting(self) -> dict[str, int]:
        """Return how many records, outcomes and wanted pixels are not sent yet."""
        with self._read():
            return {
                name: int(self._sql.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])
                for name, rows in _WAITING.items()
            }

    def stored(self, table: str, keep: Keep) -> int:
        """Return how many rows a table has that are kept for one reason."""
        with self._read():
            found = self._sql.execute(f"SELECT count(*) FROM {table} WHERE keep = ?", (keep,))
            return int(found.fetchone()[0])

    def squeeze(self) -> None:
        """Give a tenth of the content up, by `DROP_ORDER`, because the disk is full."""
        with self._write():
            self._make_room(self._limit - self._used() * 9 // 10)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._sql.close()

    def _open(self) -> None:
        with failures():
            self._sql = connect(self._path)

    def _begin_anew(self) -> None:
        if hasattr(self, "_sql"):
            self._sql.close()
        set_aside(self._path)
        self._counters.add("spool_damaged")
        self._open()

    @contextmanager
    def _read(self) -> Iterator[None]:
        with self._lock:
            try:
                with failures():
                    yield
            except IntegrityError:
                self._begin_anew()
                raise

    @contextmanager
    def _write(self) -> Iterator[None]:
        """Commit the block together with what it counts, or neither."""
        with self._read(), transaction(self._sql):
            self._news.clear()
            yield
            counted = self._counters.all()
            for name, more in self._news.items():
                counted[name] = counted.get(name, 0) + more
            self._set("counters", counted)
        for name, more in self._news.items():
            self._counters.add(name, more)

    def _count(self, name: str, by: int = 1) -> None:
        self._news[name] = self._news.get(name, 0) + by

    def _numbers(self, table: str) -> dict[str, int]:
        with self._lock, failures():
            return dict(self._sql.execute(f"SELECT * FROM {table}").fetchall())

    def _set(self, table: str, values: Mapping[str, int]) -> None:
        self._sql.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", values.items())

    def _insert(self, table: str, conflict: str, rows: Sequence[Row]) -> None:
        self._sql.executemany(
            f"INSERT OR {conflict} INTO {table} (id, keep, data) VALUES (?, ?, ?)",
            [(row.id, row.keep, row.data) for row in rows],
        )

    def _raise(self, raised: Mapping[str, Keep]) -> set[str]:
        given = [(keep, id, keep) for id, keep in raised.items()]
        for table in ("records", "pixels"):
            self._sql.executemany(f"UPDATE {table} SET keep = ? WHERE id = ? AND keep < ?", given)
        found = "SELECT 1 FROM pixels WHERE id = ?"
        here = {id for id in raised if self._sql.execute(found, (id,)).fetchone()}
        return here | (raised.keys() & set(self._pixels_sent))

    def _oldest(self, table: str, where: str, most: int, most_bytes: int) -> list[Row]:
        query = f"SELECT id, keep, data FROM {table} AS own {where} ORDER BY seq LIMIT ?"
        found: list[Row] = []
        size = 0
        with self._read():
            for id, keep, data in self._sql.execute(query, (most,)):
                size += len(data)
                if found and size > most_bytes:
                    break
                found.append(Row(id, Keep(keep), data))
        return found

    def _used(self) -> int:
        """Return the bytes of all pages with content, those of this transaction included."""
        pages, free, size = (
            int(self._sql.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _make_room(self, incoming: int) -> None:
        over = self._used() + incoming - self._limit
        if over <= 0:
            return
        over += self._limit // _HYSTERESIS
        for table, keep in DROP_ORDER:
            while over > 0:
                rows = self._sql.execute(
                    f"SELECT seq, length(data) FROM {table} WHERE keep = ? ORDER BY seq LIMIT 64",
                    (keep,),
                ).fetchall()
                chosen = []
                for seq, size in rows:
                    chosen.append((seq,))
                    over -= size
                    if over <= 0:
                        break
                if not chosen:
                    break
                self._sql.executemany(f"DELETE FROM {table} WHERE seq = ?", chosen)
                self._count(f"dropped_{keep.name.lower()}_{table}", len(chosen))


_OBSERVATION_SENT = "NOT EXISTS (SELECT 1 FROM records WHERE records.id = own.id)"
_WAITING = {"records": "records", "outcomes": "outcomes", "pixels": "pixels WHERE keep > 0"}
