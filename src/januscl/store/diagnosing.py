"""What was wrong with the masks that failed picks were based on."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import select

from januscl.store.database import Door, chunks, upsert
from januscl.store.records import DiagnosisRow
from januscl.store.tables import diagnoses


class Diagnoses:
    """One for each failed pick that could be judged."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, row: DiagnosisRow) -> None:
        """Keep a diagnosis, or change that of the same observation."""
        with self._door.write() as connection:
            upsert(connection, diagnoses, ("observation",), asdict(row))

    def of(self, observations: Iterable[str]) -> dict[str, DiagnosisRow]:
        """Return the diagnoses of those observations that have one, by the observation's id."""
        found = {}
        with self._door.read() as connection:
            for some in chunks(sorted(set(observations))):
                query = select(diagnoses).where(diagnoses.c.observation.in_(some))
                for row in connection.execute(query):
                    found[row.observation] = DiagnosisRow(**row._mapping)
        return found
