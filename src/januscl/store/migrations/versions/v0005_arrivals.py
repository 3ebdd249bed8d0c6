"""In which order observations came, so that who watches them need not count them all.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "arrivals",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("observation", sa.String(200, "C" if postgres else None), nullable=False),
    )
    # Nobody wrote down when the earlier ones came.
    op.execute(
        sa.text("INSERT INTO arrivals (observation) SELECT id FROM observations ORDER BY id")
    )
