"""The inbox, the robots' check-ins, and tokens; names in one order in every database.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    if postgres:
        _sort_by_bytes()
    name = sa.String(200, collation="C" if postgres else None)
    time = sa.DateTime(timezone=True)
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("received", time, nullable=False),
        sa.Column("robot", name, nullable=False),
        sa.Column("kind", name, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    if postgres:
        # Pictures are compressed already; trying again costs time.
        op.execute("ALTER TABLE inbox ALTER COLUMN message SET STORAGE EXTERNAL")
    op.create_table(
        "leases",
        sa.Column("message", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("until", time, nullable=False),
    )
    op.create_table(
        "check_ins",
        sa.Column("robot", name, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("running", name, nullable=True),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
    )
    op.create_table(
        "tokens",
        sa.Column("id", name, primary_key=True),
        sa.Column("name", name, nullable=False),
        sa.Column("role", name, nullable=False),
        sa.Column("robot", name, nullable=True),
        sa.Column("sha256", name, nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("expires", time, nullable=True),
        sa.Column("revoked", time, nullable=True),
        sa.Column("last_used", time, nullable=True),
    )


def _sort_by_bytes() -> None:
    """Let PostgreSQL order names as SQLite and Python do, whatever the server's locale is."""
    columns = op.get_bind().execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND character_maximum_length = 200"
        )
    )
    for table, column in columns.all():
        op.alter_column(table, column, type_=sa.String(200, collation="C"))
