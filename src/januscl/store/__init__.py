"""What must not be lost: the catalogue, the blobs, and the workspace that holds both.

Owns: the catalogue's tables and their migrations (SQLAlchemy, Alembic; SQLite or PostgreSQL),
content-addressed blobs (obstore; a folder or S3), the log of what robots sent (Lance; likewise),
what opens them, backups and checks of them. May call: core alone; knows no station and decides
nothing.
What a call acknowledged survives ``kill -9`` and a power cut. Moves nothing.
"""

from januscl.store.backup import Copied, backup, restore
from januscl.store.blobs import LocalBlobs
from januscl.store.catalogue import Catalogue, Transaction
from januscl.store.fsck import Checked, Finding, Wrong, fsck
from januscl.store.log import EMBEDDINGS, IMAGE, LogRecord, ObservationLog, Parcel
from januscl.store.observing import Prepared
from januscl.store.records import (
    AuditRow,
    CauseReading,
    CheckIn,
    DiagnosisRow,
    HealthMinute,
    InboxRow,
    Known,
    LabelRow,
    LabelTaskRow,
    LogMarks,
    ObservationRow,
    RejectRow,
    Role,
    TokenRow,
    VerdictRow,
)
from januscl.store.s3 import S3Blobs
from januscl.store.tending import tend
from januscl.store.workspace import Workspace

__all__ = [
    "EMBEDDINGS", "IMAGE", "AuditRow", "Catalogue", "CauseReading", "CheckIn", "Checked", "Copied",
    "DiagnosisRow", "Finding", "HealthMinute", "InboxRow", "Known", "LabelRow", "LabelTaskRow",
    "LocalBlobs", "LogMarks", "LogRecord", "ObservationLog", "ObservationRow", "Parcel", "Prepared",
    "RejectRow", "Role", "S3Blobs", "TokenRow", "Transaction", "VerdictRow", "Workspace", "Wrong",
    "backup", "fsck", "restore", "tend",
]  # fmt: skip
