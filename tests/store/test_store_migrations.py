"""Catalogues of every released form are brought forward, with what they hold."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from januscl.core import Kind, Slice
from januscl.store import Catalogue
from januscl.store import migrations as history
from januscl.store.database import Database

DIGEST = "ab" * 32
NOON = "2026-05-04 12:00:00+00:00"


def seen(id):
    return (
        "INSERT INTO observations (id, robot, camera, at, height, width, model, instances)"
        f" VALUES ('{id}', 'r', 'c', '{NOON}', 1, 1, 'm', '{{}}')"
    )


def named(name, id, shape):
    detail = f'{{"id": {id}, "shape": "{shape}"}}'
    return (
        "INSERT INTO audit (at, actor, action, subject, detail)"
        f" VALUES ('{NOON}', 'ann', 'kind.named', '{name}', '{detail}')"
    )


FIRST = (
    seen("o-2"),
    seen("o-1"),
    named("black bag", 7, "soft"),
    named("tyre", 8, "ring"),
    named("tyre", 9, "ring"),
    "INSERT INTO novelties (id, name, state, first_seen, last_seen, instances, robots,"
    " cost_expected, cost_low, cost_high) VALUES ('n', 'bag', 'new', '2026-05-04 12:00:00+00:00',"
    " '2026-05-04 12:00:00+00:00', 1, '[]', 0, 0, 0)",
    "INSERT INTO slices (name, id, items) VALUES ('base', 's', '[]')",
    "INSERT INTO label_tasks (id, observation, novelty, image, proposals, done)"
    f" VALUES ('t', 'o', 'n', '{DIGEST}', '{{}}', true)",
)
SECOND = (*FIRST, "UPDATE slices SET open = true", "UPDATE label_tasks SET used = true")
FIFTH = (
    *SECOND,
    "INSERT INTO arrivals (observation) VALUES ('o-2')",
    "INSERT INTO arrivals (observation) VALUES ('o-1')",
)
SIXTH = (
    *FIFTH,
    "INSERT INTO kinds (id, name, shape) VALUES (7, 'black bag', 'soft'), (8, 'tyre', 'ring'),"
    " (9, 'tyre', 'ring')",
)
SEVENTH = (
    *SIXTH,
    "INSERT INTO camera_health (camera, at, frames, faulty, causes)"
    f" VALUES ('c', '{NOON}', 1, 0, '{{}}')",
)


def script():
    config = Config()
    config.set_main_option("script_location", history.__path__[0])
    return config


def make(place, revision, statements):
    """Make a catalogue as the program of a revision did, and fill it."""
    database = Database(place)
    with database.write() as connection:
        config = script()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in statements:
            connection.execute(text(statement))
    database.close()


def test_every_revision_but_the_newest_is_tried_here():
    revisions = {found.revision for found in ScriptDirectory.from_config(script()).walk_revisions()}
    assert revisions == {*(f"{number:04}" for number in range(1, 9)), history.HEAD}


@pytest.mark.parametrize(
    ("revision", "held"),
    [
        ("0001", FIRST),
        ("0002", SECOND),
        ("0003", SECOND),
        ("0004", SECOND),
        ("0005", FIFTH),
        ("0006", SIXTH),
        ("0007", SIXTH),
        ("0008", SEVENTH),
    ],
)
def test_a_catalogue_of_an_earlier_form_is_brought_forward_with_what_it_holds(
    empty_place, revision, held
):
    make(empty_place, revision, held)
    with Catalogue(empty_place) as opened:
        assert opened.slices.list() == [Slice("s", "base", ())]
        assert bool(opened.slices.list(frozen_only=True)) == (revision == "0001")
        (task,) = opened.label_tasks.asked(novelty="n")
        assert (task.done, task.used) == (True, True)
        assert opened.inbox.put("robot-1", "batch", b"x") == 1
        opened.novelties.put(opened.novelties.get("n"))
        came = [id for _, id in opened.observations.arrived(0, 10)]
        assert came == (["o-2", "o-1"] if revision >= "0005" else ["o-1", "o-2"])
        assert opened.camera_health.forget(datetime(2027, 1, 1, tzinfo=UTC)) == (held is SEVENTH)
        kinds = [Kind(7, "black bag", "soft"), Kind(8, "tyre", "ring"), Kind(9, "tyre", "ring")]
        assert opened.kinds.list() == kinds
        assert [row.subject for row in opened.audit.list(action="kind.named")] == [
            "black bag", "tyre", "tyre",
        ]  # fmt: skip
    Catalogue(empty_place).close()
