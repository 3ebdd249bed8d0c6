"""Slices of novelties that are still open, and label tasks that were used.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    no = sa.false()
    op.add_column("slices", sa.Column("open", sa.Boolean(), nullable=False, server_default=no))
    op.add_column("label_tasks", sa.Column("used", sa.Boolean(), nullable=False, server_default=no))
    # Until now a label was spent with the cycle that asked for it.
    op.execute(sa.text("UPDATE label_tasks SET used = done"))
