"""The work of labelling, and the labels that came back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from januscl.core import Label, LabelTask, NotFound
from januscl.store import rows
from januscl.store.database import Door, insert_once, upsert
from januscl.store.records import LabelRow, LabelTaskRow
from januscl.store.tables import label_tasks, labels

_CHUNK = 500  # ids in one statement: databases bound the number of its parameters


@dataclass(frozen=True)
class Asked:
    """How a label task stands, without its picture and proposals.

    Attributes:
        id: Of the task.
        observation: Id of the frame that it asks a label of.
        novelty: Id of the novelty it is for; None for an ordinary frame.
        done: True once it was answered.
        used: True once a challenger that was taught or measured with the label was judged, or its
            novelty was closed.
    """

    id: str
    observation: str
    novelty: str | None
    done: bool
    used: bool


class LabelTasks:
    """Frames that wait for a label."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, task: LabelTask, image: str) -> bool:
        """Keep a task and say whether it is new; ``image`` is its picture's SHA-256.

        Raises:
            NotFound: The task's novelty is not in the catalogue.
        """
        with self._door.write() as connection:
            return insert_once(connection, label_tasks, ("id",), rows.task_values(task, image))

    def pending(self, novelty: str | None = None) -> Sequence[LabelTaskRow]:
        """Return the tasks not yet done, of a novelty or all, oldest first."""
        query = select(label_tasks).where(label_tasks.c.done.is_(False))
        if novelty is not None:
            query = query.where(label_tasks.c.novelty == novelty)
        with self._door.read() as connection:
            ordered = query.order_by(label_tasks.c.seq)
            return [rows.task_of(row) for row in connection.execute(ordered)]

    def list(self, novelty: str | None = None) -> Sequence[LabelTaskRow]:
        """Return the tasks of a novelty, or all, done or not, oldest first."""
        query = select(label_tasks).order_by(label_tasks.c.seq)
        if novelty is not None:
            query = query.where(label_tasks.c.novelty == novelty)
        with self._door.read() as connection:
            return [rows.task_of(row) for row in connection.execute(query)]

    def asked(
        self, *, novelty: str | None = None, observation: str | None = None
    ) -> Sequence[Asked]:
        """Return how the tasks of a novelty, of a frame, or all stand, oldest first."""
        table = label_tasks.c
        query = select(table.id, table.observation, table.novelty, table.done, table.used)
        if novelty is not None:
            query = query.where(table.novelty == novelty)
        if observation is not None:
            query = query.where(table.observation == observation)
        with self._door.read() as connection:
            found = connection.execute(query.order_by(table.seq))
            return [Asked(**row._mapping) for row in found]

    def use(self, novelty: str, observations: Iterable[str]) -> None:
        """Say that the labels of these frames of a novelty were used; see `Asked`."""
        table, wanted = label_tasks.c, sorted(set(observations))
        with self._door.write() as connection:
            for start in range(0, len(wanted), _CHUNK):
                some = table.observation.in_(wanted[start : start + _CHUNK])
                change = update(label_tasks).where(table.novelty == novelty, some)
                connection.execute(change.values(used=True))

    def done(self, id: str) -> None:
        """Say that a task was answered, or raise `NotFound`; saying it twice is no error."""
        change = update(label_tasks).where(label_tasks.c.id == id).values(done=True)
        with self._door.write() as connection:
            if connection.execute(change).rowcount == 0:
                raise NotFound(f"label task {id} is not in the catalogue")


class Labels:
    """The truth that was given for frames. A later label of a frame supersedes an earlier one."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, label: Label, digest: str) -> None:
        """Keep a label; ``digest`` is its JSON's SHA-256 in the blob store.

        The same label twice is one label, of the later time.
        """
        values = rows.label_values(label, digest)
        with self._door.write() as connection:
            upsert(connection, labels, ("observation", "annotator", "digest"), values)

    def get(self, observation: str) -> LabelRow:
        """Return the frame's latest label, or raise `NotFound`."""
        query = select(labels).where(labels.c.observation == observation)
        latest = query.order_by(labels.c.at.desc(), labels.c.seq.desc()).limit(1)
        with self._door.read() as connection:
            row = connection.execute(latest).first()
        if row is None:
            raise NotFound(f"observation {observation} has no label; make a label task of it")
        return rows.label_of(row)

    def list(self) -> Sequence[LabelRow]:
        """Return the latest label of each labelled frame, in the order of their times."""
        query = select(labels).order_by(labels.c.at, labels.c.seq)
        with self._door.read() as connection:
            latest = {row.observation: row for row in connection.execute(query)}
        kept = sorted(latest.values(), key=lambda row: (row.at, row.seq))
        return [rows.label_of(row) for row in kept]
