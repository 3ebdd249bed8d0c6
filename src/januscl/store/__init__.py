"""What must not be lost: the catalogue, the blobs, and the workspace that holds both.

Owns: the catalogue's tables and their migrations (SQLAlchemy, Alembic; SQLite or PostgreSQL),
content-addressed blobs (obstore; a folder or S3), what opens both, backups and checks of them. May
call: core alone; knows no station and decides nothing.
What a call acknowledged survives ``kill -9`` and a power cut. Moves nothing.
"""

from januscl.store.backup import Copied, backup, restore
from januscl.store.blobs import LocalBlobs
from januscl.store.catalogue import Catalogue, Transaction
from januscl.store.failures import Unreachable
from januscl.store.fsck import Checked, Finding, Wrong, fsck
from januscl.store.records import (
    AuditRow,
    CheckIn,
    InboxRow,
    LabelRow,
    LabelTaskRow,
    ObservationRow,
    RejectRow,
    Role,
    TokenRow,
    VerdictRow,
)
from januscl.store.s3 import S3Blobs
from januscl.store.workspace import Workspace

__all__ = [
    "AuditRow", "Catalogue", "CheckIn", "Checked", "Copied", "Finding", "InboxRow", "LabelRow",
    "LabelTaskRow", "LocalBlobs", "ObservationRow", "RejectRow", "Role", "S3Blobs", "TokenRow",
    "Transaction", "Unreachable", "VerdictRow", "Workspace", "Wrong", "backup", "fsck", "restore",
]  # fmt: skip
