"""Tokens: who may speak to the service, and as what."""

from dataclasses import replace
from datetime import timedelta

import pytest

from januscl.core import InvalidInput, NotFound
from januscl.store import Role
from januscl.store.tables import tokens


def test_a_token_opens_the_door_and_says_for_whom(catalogue, noon):
    secret, row = catalogue.tokens.create("cell 1", "robot", robot="robot-1", at=noon)
    assert catalogue.tokens.verify(secret) == row
    assert (row.name, row.role, row.robot, row.created) == ("cell 1", Role.ROBOT, "robot-1", noon)
    assert catalogue.tokens.list() == [row]


def test_the_secret_is_kept_nowhere(catalogue):
    secret, row = catalogue.tokens.create("anna", Role.ADMIN)
    with catalogue._database.read() as connection:
        (kept,) = connection.execute(tokens.select()).all()
    random = secret.removeprefix("janus_").partition("_")[2]
    assert len(random) == 43
    assert random not in repr(kept)
    assert random not in repr(row)
    assert secret != catalogue.tokens.create("anna", Role.ADMIN)[0]


def test_what_is_no_token_opens_nothing(catalogue):
    secret, _ = catalogue.tokens.create("anna", Role.ADMIN)
    other, _ = catalogue.tokens.create("ben", Role.OPERATOR)
    mixed = secret[:39] + other[39:]
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    unknown = "janus_" + "0" * 32 + secret[38:]
    for wrong in (mixed, changed, unknown, secret + "\n", secret.upper(), "", "janus_", "\0", "ü"):
        assert catalogue.tokens.verify(wrong) is None, wrong


def test_a_token_expires(catalogue, noon):
    until = noon + timedelta(hours=1)
    secret, _ = catalogue.tokens.create("guest", Role.ANNOTATOR, expires=until, at=noon)
    assert catalogue.tokens.verify(secret, until - timedelta(seconds=1)) is not None
    assert catalogue.tokens.verify(secret, until) is None
    with pytest.raises(InvalidInput, match="time zone"):
        catalogue.tokens.create("guest", Role.ANNOTATOR, expires=until.replace(tzinfo=None))


def test_a_revoked_token_stays_void(catalogue, noon):
    secret, row = catalogue.tokens.create("anna", Role.ADMIN, at=noon)
    catalogue.tokens.revoke(row.id, noon + timedelta(hours=1))
    catalogue.tokens.revoke(row.id, noon + timedelta(hours=9))
    assert catalogue.tokens.verify(secret) is None
    assert catalogue.tokens.list() == [replace(row, revoked=noon + timedelta(hours=1))]
    with pytest.raises(NotFound, match="token nobody"):
        catalogue.tokens.revoke("nobody")


def test_a_robot_speaks_for_itself_and_nobody_else_for_a_robot(catalogue):
    with pytest.raises(InvalidInput, match="A robot writes as itself alone"):
        catalogue.tokens.create("cell 1", Role.ROBOT)
    with pytest.raises(InvalidInput, match="A robot writes as itself alone"):
        catalogue.tokens.create("anna", Role.ADMIN, robot="robot-1")
    with pytest.raises(InvalidInput, match="one of robot, annotator, operator, admin"):
        catalogue.tokens.create("anna", "root")
    assert catalogue.tokens.list() == []


def test_the_last_use_is_noted_to_the_minute(catalogue, noon):
    _, row = catalogue.tokens.create("anna", Role.ADMIN, at=noon)
    for seconds, noted in ((1, 1), (59, 1), (70, 70)):
        catalogue.tokens.used(row.id, noon + timedelta(seconds=seconds))
        (kept,) = catalogue.tokens.list()
        assert kept.last_used == noon + timedelta(seconds=noted)
