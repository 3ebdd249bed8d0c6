"""Catalogues of every released form are brought forward, with what they hold."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from januscl.core import Slice
from januscl.store import Catalogue
from januscl.store import migrations as history
from januscl.store.database import Database

DIGEST = "ab" * 32
FIRST = (
    "INSERT INTO novelties (id, name, state, first_seen, last_seen, instances, robots,"
    " cost_expected, cost_low, cost_high) VALUES ('n', 'bag', 'new', '2026-05-04 12:00:00+00:00',"
    " '2026-05-04 12:00:00+00:00', 1, '[]', 0, 0, 0)",
    "INSERT INTO slices (name, id, items) VALUES ('base', 's', '[]')",
    "INSERT INTO label_tasks (id, observation, novelty, image, proposals, done)"
    f" VALUES ('t', 'o', 'n', '{DIGEST}', '{{}}', true)",
)
SECOND = (*FIRST, "UPDATE slices SET open = true", "UPDATE label_tasks SET used = true")


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
    assert revisions == {"0001", "0002", "0003", history.HEAD}


@pytest.mark.parametrize(
    ("revision", "held"), [("0001", FIRST), ("0002", SECOND), ("0003", SECOND)]
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
    Catalogue(empty_place).close()
