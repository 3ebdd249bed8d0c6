"""The readings of all cameras by their time, to find the last ones and to forget the oldest.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("camera_health_by_time", "camera_health", ["at"])
