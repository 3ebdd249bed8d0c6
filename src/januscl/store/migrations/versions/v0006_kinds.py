"""Kinds that people named, which stood in the audit log alone.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    words = sa.String(200, "C" if connection.dialect.name == "postgresql" else None)
    kinds = op.create_table(
        "kinds",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", words, nullable=False),
        sa.Column("shape", words, nullable=False),
    )
    audit = sa.table(
        "audit",
        sa.column("seq"),
        sa.column("action"),
        sa.column("subject"),
        sa.column("detail", sa.JSON()),
    )
    query = sa.select(audit.c.subject, audit.c.detail).where(audit.c.action == "kind.named")
    named: dict[int, dict[str, str]] = {}
    for name, detail in connection.execute(query.order_by(audit.c.seq)).all():
        named.setdefault(detail["id"], {"name": name, "shape": detail["shape"]})
    if named:
        connection.execute(kinds.insert(), [{"id": id, **kind} for id, kind in named.items()])
