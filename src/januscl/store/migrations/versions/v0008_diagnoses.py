"""What was wrong with the masks of failed picks, which nobody kept.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    words = sa.String(200, "C" if postgres else None)
    op.create_table(
        "diagnoses",
        sa.Column("observation", words, primary_key=True),
        sa.Column("instance", sa.Integer()),
        sa.Column("diagnosis", words, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
    )
