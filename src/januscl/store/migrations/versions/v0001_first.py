"""The first tables.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_by_subject", "audit", ["subject"], unique=False)
    op.create_table(
        "cells",
        sa.Column("robot", sa.String(200), nullable=False),
        sa.Column("camera", sa.String(200), nullable=False),
        sa.Column("line", sa.String(200), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("station", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("robot"),
        sa.UniqueConstraint("camera"),
    )
    op.create_table(
        "decks",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("parent", sa.String(200), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("observation", sa.String(200), nullable=False),
        sa.Column("camera", sa.String(200), nullable=False),
        sa.Column("robot", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("events_by_camera", "events", ["camera", "at"], unique=False)
    op.create_index("events_by_observation", "events", ["observation"], unique=False)
    op.create_index("events_by_time", "events", ["at", "id"], unique=False)
    op.create_table(
        "labels",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("observation", sa.String(200), nullable=False),
        sa.Column("annotator", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("truth", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("labels_once", "labels", ["observation", "annotator", "digest"], unique=True)
    op.create_table(
        "models",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("weights", sa.String(64), nullable=False),
        sa.Column("taxonomy", sa.JSON(), nullable=False),
        sa.Column("parent", sa.String(200), nullable=True),
        sa.Column("deck", sa.String(200), nullable=True),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "novelties",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(200), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("robots", sa.JSON(), nullable=False),
        sa.Column("cost_expected", sa.Float(), nullable=False),
        sa.Column("cost_low", sa.Float(), nullable=False),
        sa.Column("cost_high", sa.Float(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "observations",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("robot", sa.String(200), nullable=False),
        sa.Column("camera", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("image", sa.String(64), nullable=True),
        sa.Column("embeddings", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("observations_by_camera", "observations", ["camera", "at"], unique=False)
    op.create_index("observations_by_robot", "observations", ["robot", "at"], unique=False)
    op.create_index("observations_by_time", "observations", ["at", "id"], unique=False)
    op.create_table(
        "picks",
        sa.Column("observation", sa.String(200), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=True),
        sa.Column("x", sa.Float(), nullable=True),
        sa.Column("y", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("observation"),
    )
    op.create_index("picks_by_outcome", "picks", ["outcome"], unique=False)
    op.create_table(
        "rejects",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blob", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "slices",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("novelty", sa.String(200), nullable=True),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("camera", sa.String(200), nullable=False),
        sa.Column("robot", sa.String(200), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("severity", sa.Float(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("before", sa.String(64), nullable=True),
        sa.Column("after", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tickets_by_camera", "tickets", ["camera", "began"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("champion", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(200), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("slices", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("verdicts_by_model", "verdicts", ["model"], unique=False)
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"],
            ["models.id"],
        ),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("novelty", sa.String(200), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frames", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["novelty"],
            ["novelties.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "label_tasks",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("observation", sa.String(200), nullable=False),
        sa.Column("novelty", sa.String(200), nullable=True),
        sa.Column("image", sa.String(64), nullable=False),
        sa.Column("proposals", sa.JSON(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["novelty"],
            ["novelties.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("label_tasks_by_state", "label_tasks", ["done", "novelty"], unique=False)
    op.create_table(
        "novelty_members",
        sa.Column("observation", sa.String(200), nullable=False),
        sa.Column("instance", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("novelty", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["novelty"],
            ["novelties.id"],
        ),
        sa.PrimaryKeyConstraint("observation", "instance"),
    )
    op.create_index("members_by_novelty", "novelty_members", ["novelty"], unique=False)
    op.create_table(
        "releases",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("champion", sa.String(200), nullable=False),
        sa.Column("novelty", sa.String(200), nullable=True),
        sa.Column("beta_lines", sa.JSON(), nullable=False),
        sa.Column("stage", sa.String(200), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["champion"],
            ["models.id"],
        ),
        sa.ForeignKeyConstraint(
            ["model"],
            ["models.id"],
        ),
        sa.ForeignKeyConstraint(
            ["novelty"],
            ["novelties.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
