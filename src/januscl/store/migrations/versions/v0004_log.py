"""How far the observation log is, and what is kept in it.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    name = sa.String(200, collation="C" if postgres else None)
    op.create_table(
        "log_marks",
        sa.Column("name", name, primary_key=True),
        sa.Column("part", sa.BigInteger(), nullable=False),
    )
    op.create_table("log_strays", sa.Column("key", name, primary_key=True))
    op.create_table(
        "pins",
        sa.Column("observation", name, primary_key=True),
        sa.Column("rule", name, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
