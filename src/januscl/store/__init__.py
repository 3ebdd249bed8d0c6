"""What must not be lost: the catalogue, the blobs, and the workspace that holds both.

Owns: the catalogue's tables and their migrations (SQLAlchemy, Alembic), content-addressed blobs
(obstore), one folder for both. May call: core alone; knows no station and decides nothing.
What a call acknowledged survives ``kill -9`` and a power cut. Moves nothing.
"""

from januscl.store.blobs import LocalBlobs
from januscl.store.catalogue import Catalogue, Transaction
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
from januscl.store.workspace import Workspace

__all__ = [
    "AuditRow", "Catalogue", "CheckIn", "InboxRow", "LabelRow", "LabelTaskRow", "LocalBlobs",
    "ObservationRow", "RejectRow", "Role", "TokenRow", "Transaction", "VerdictRow", "Workspace",
]  # fmt: skip
