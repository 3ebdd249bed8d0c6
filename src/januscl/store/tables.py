"""The tables of the catalogue, one for each word that has a state or a history.

Changing a table here takes a new file in ``migrations/versions``; a test holds the two together.
Nothing in it is SQLite's alone: JSON columns and UTC times exist in PostgreSQL as well.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
)

from januscl.store.types import Digest, Json, Name, Prose, Real, UtcTime, Whole

metadata = MetaData()


def _must(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _seq() -> Column[int]:
    return Column("seq", Integer, primary_key=True, autoincrement=True)


cells = Table(
    "cells",
    metadata,
    Column("robot", Name, primary_key=True),
    Column("camera", Name, nullable=False, unique=True),
    _must("line", Name),
    _must("site", Name),
    _must("station", Boolean),
)

observations = Table(
    "observations",
    metadata,
    Column("id", Name, primary_key=True),
    _must("robot", Name),
    _must("camera", Name),
    _must("at", UtcTime),
    _must("height", Whole),
    _must("width", Whole),
    _must("model", Name),
    _must("instances", Json),
    Column("image", Digest),
    Column("embeddings", Digest),
    Index("observations_by_time", "at", "id"),
    Index("observations_by_camera", "camera", "at"),
    Index("observations_by_robot", "robot", "at"),
)

# In which order they came. Apart from observations, where SQLite would have to write each of those
# that are there again to number it.
arrivals = Table(
    "arrivals",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _must("observation", Name),
)

# Apart from observations, because an outcome may arrive before the observation it belongs to.
picks = Table(
    "picks",
    metadata,
    Column("observation", Name, primary_key=True),
    Column("instance", Whole),
    Column("x", Real),
    Column("y", Real),
    _must("outcome", Name),
    _must("at", UtcTime),
    Index("picks_by_outcome", "outcome"),
)

events = Table(
    "events",
    metadata,
    Column("id", Name, primary_key=True),
    _must("observation", Name),
    _must("camera", Name),
    _must("robot", Name),
    _must("at", UtcTime),
    _must("kind", Name),
    _must("cause", Name),
    _must("signals", Json),
    _must("instances", Json),
    Column("outcome", Name),
    Index("events_by_time", "at", "id"),
    Index("events_by_camera", "camera", "at"),
    Index("events_by_observation", "observation"),
)

# Apart from events: a failed pick of an ordinary instance is none, and the robot's next look, by
# which it is diagnosed, comes later.
diagnoses = Table(
    "diagnoses",
    metadata,
    Column("observation", Name, primary_key=True),
    Column("instance", Whole),
    _must("diagnosis", Name),
    _must("evidence", Prose),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Name, primary_key=True),
    _must("camera", Name),
    _must("robot", Name),
    _must("cause", Name),
    _must("began", UtcTime),
    _must("opened", UtcTime),
    Column("closed", UtcTime),
    _must("severity", Real),
    _must("evidence", Prose),
    Column("before", Digest),
    Column("after", Digest),
    Index("tickets_by_camera", "camera", "began"),
)

# What was read of each camera's health in a minute; a day of a camera at work is 1,440 rows.
camera_health = Table(
    "camera_health",
    metadata,
    Column("camera", Name, primary_key=True),
    Column("at", UtcTime, primary_key=True),
    _must("frames", Whole),
    _must("faulty", Whole),
    _must("causes", Json),
    Index("camera_health_by_time", "at"),
)

# Kinds that people named; those of a model are with it. A name that a champion from elsewhere hides
# may be given again, under another id.
kinds = Table(
    "kinds",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    _must("name", Name),
    _must("shape", Name),
)

novelties = Table(
    "novelties",
    metadata,
    Column("id", Name, primary_key=True),
    _must("name", Name),
    _must("state", Name),
    _must("first_seen", UtcTime),
    _must("last_seen", UtcTime),
    _must("instances", Whole),
    _must("robots", Json),
    _must("cost_expected", Real),
    _must("cost_low", Real),
    _must("cost_high", Real),
    Column("kind", Whole),
)

# One instance belongs to at most one novelty.
novelty_members = Table(
    "novelty_members",
    metadata,
    Column("observation", Name, primary_key=True),
    Column("instance", Whole, primary_key=True, autoincrement=False),
    Column("novelty", Name, ForeignKey("novelties.id"), nullable=False),
    Index("members_by_novelty", "novelty"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Name, primary_key=True),
    Column("novelty", Name, ForeignKey("novelties.id"), nullable=False),
    _must("quota", Whole),
    _must("opened", UtcTime),
    _must("expires", UtcTime),
    _must("frames", Json),
)

label_tasks = Table(
    "label_tasks",
    metadata,
    _seq(),
    Column("id", Name, nullable=False, unique=True),
    _must("observation", Name),
    Column("novelty", Name, ForeignKey("novelties.id")),
    _must("image", Digest),
    _must("proposals", Json),
    _must("done", Boolean),
    # A challenger that was taught or measured with its label was judged.
    Column("used", Boolean, nullable=False, server_default=false()),
    Index("label_tasks_by_state", "done", "novelty"),
)

labels = Table(
    "labels",
    metadata,
    _seq(),
    _must("observation", Name),
    _must("annotator", Name),
    _must("at", UtcTime),
    _must("digest", Digest),
    _must("truth", Json),
    Index("labels_once", "observation", "annotator", "digest", unique=True),
)

decks = Table(
    "decks",
    metadata,
    _seq(),
    Column("id", Name, nullable=False, unique=True),
    Column("parent", Name),
    _must("manifest", Json),
)

slices = Table(
    "slices",
    metadata,
    _seq(),
    Column("name", Name, nullable=False, unique=True),
    _must("id", Name),
    Column("novelty", Name),
    _must("items", Json),
    # Its novelty is not closed yet: it may grow, and no other challenger is held to it.
    Column("open", Boolean, nullable=False, server_default=false()),
)

models = Table(
    "models",
    metadata,
    _seq(),
    Column("id", Name, nullable=False, unique=True),
    _must("weights", Digest),
    _must("taxonomy", Json),
    Column("parent", Name),
    Column("deck", Name),
    _must("made", UtcTime),
    _must("card", Json),
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", Name, primary_key=True),
    Column("model", Name, ForeignKey("models.id"), nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    _seq(),
    _must("model", Name),
    _must("champion", Name),
    _must("at", UtcTime),
    _must("answer", Name),
    _must("reasons", Json),
    _must("slices", Json),
    Index("verdicts_by_model", "model"),
)

releases = Table(
    "releases",
    metadata,
    _seq(),
    Column("id", Name, nullable=False, unique=True),
    Column("model", Name, ForeignKey("models.id"), nullable=False),
    Column("champion", Name, ForeignKey("models.id"), nullable=False),
    Column("novelty", Name, ForeignKey("novelties.id")),
    _must("beta_lines", Json),
    _must("stage", Name),
    _must("opened", UtcTime),
    _must("reports", Json),
)

audit = Table(
    "audit",
    metadata,
    _seq(),
    _must("at", UtcTime),
    _must("actor", Name),
    _must("action", Name),
    _must("subject", Name),
    _must("detail", Json),
    Index("audit_by_subject", "subject"),
)

rejects = Table(
    "rejects",
    metadata,
    _seq(),
    _must("at", UtcTime),
    _must("thing", Prose),
    _must("reason", Prose),
    Column("blob", Digest),
)

# What robots sent, until a worker has made it safe elsewhere. An id that is used again would let
# a late worker drop another message, hence AUTOINCREMENT.
inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _must("received", UtcTime),
    _must("robot", Name),
    _must("kind", Name),
    _must("size", Whole),
    _must("message", LargeBinary),
    sqlite_autoincrement=True,
)

# Until when the worker that took a message has it to itself. Apart from the inbox, because SQLite
# would write the whole message again to change a time beside it.
leases = Table(
    "leases",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    _must("until", UtcTime),
)

# How far the observation log was when the inbox was last emptied into it, in the same transaction.
log_marks = Table(
    "log_marks",
    metadata,
    Column("name", Name, primary_key=True),
    _must("part", BigInteger),
)

# What is in the log up to there without being told of: its workers died before they could say so.
log_strays = Table(
    "log_strays",
    metadata,
    Column("key", Name, primary_key=True),
)

# Observations whose pictures and embeddings no clean-up takes, and by which rule.
pins = Table(
    "pins",
    metadata,
    Column("observation", Name, primary_key=True),
    Column("rule", Name, primary_key=True),
    _must("at", UtcTime),
)

check_ins = Table(
    "check_ins",
    metadata,
    Column("robot", Name, primary_key=True),
    _must("at", UtcTime),
    Column("running", Name),
    _must("counters", Json),
    Column("error", Prose),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Name, primary_key=True),
    _must("name", Name),
    _must("role", Name),
    Column("robot", Name),
    _must("sha256", Name),
    _must("created", UtcTime),
    Column("expires", UtcTime),
    Column("revoked", UtcTime),
    Column("last_used", UtcTime),
)
