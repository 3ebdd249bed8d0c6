"""What robots sent and nobody watched is told by every list that would pass over it."""

import json
import os
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.core import Cell, Outcome, Pick, new_id
from januscl.line.access import create_token
from januscl.line.draining import drain
from januscl.line.durable.fed import Fed
from januscl.line.durable.lead import Lead
from januscl.line.durable.place import sqlite_engine
from januscl.line.intake import take_record
from januscl.line.telling.notify import hello
from januscl.line.telling.notify.outbox import Outbox
from januscl.store import Role, Workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LISTS = ("events", "tickets", "novelties")


def janus(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split()), " ".join(done.stderr.split())


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A workspace that a robot has sent one record to."""
    for name in os.environ:
        if name.startswith("JANUS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    record = {
        "id": new_id(), "robot": "cell-7", "camera": "cam-7", "at": "2026-05-04T12:00:00Z",
        "size": [24, 32], "model": "m-0", "image": None, "embeddings": None, "reasons": [],
        "instances": {"masks": [], "boxes": [], "scores": [], "labels": []},
    }  # fmt: skip
    with Workspace.open(tmp_path / "w") as workspace:
        create_token(workspace.catalogue, "cell 7", Role.ROBOT, "cell-7")
        take_record(workspace, "cell-7", record)
        yield workspace, record["id"]


def test_what_waits_is_told_with_the_remedy_until_it_was_watched(site):
    workspace, id = site
    said, _ = janus("status", "-w", "w")
    assert "unwatched so far: 1 message in the inbox, for no robot is named" in said
    drain(workspace, 64)
    for name in LISTS:
        said, _ = janus(name, "-w", "w")
        assert f"No {name} yet: unwatched so far: 1 observation, for no robot is named." in said
        assert "`janus worker --workspace w --cells cells.toml`" in said
    workspace.catalogue.cells.put(Cell("cell-7", "cam-7", "line-2", "Graz"))
    said, _ = janus("status", "-w", "w")
    assert "for no worker runs. Start one: `janus worker --workspace w`" in said
    engine = sqlite_engine(workspace.folder / "workflows.db")
    lead = Lead(engine, "one", 15.0, lambda: None)
    assert lead.take()
    said, _ = janus("status", "-w", "w")
    assert "observations under way 1" in said
    assert janus("events", "-w", "w") == ("No events: all that was seen is ordinary.", "")
    Fed(engine, workspace).mark([id])
    assert "under way" not in janus("status", "-w", "w")[0]
    lead.give_up()
    engine.dispose()


def test_the_workflows_of_another_site_say_nothing_of_this_one(site, tmp_path, monkeypatch):
    workspace, id = site
    drain(workspace, 64)
    workspace.catalogue.cells.put(Cell("cell-7", "cam-7", "line-2", "Graz"))
    waiting = []
    for name, ids in (("own", [id]), ("other", [new_id() for _ in range(40)])):
        engine = sqlite_engine(tmp_path / f"{name}.db")
        Fed(engine, workspace).mark(ids)
        engine.dispose()
        monkeypatch.setenv("JANUS_WORKFLOWS", str(tmp_path / f"{name}.db"))
        told = json.loads(janus("status", "-w", "w", "--json")[0])
        waiting.append((told["waiting"]["observations"], told["waiting"]["led"]))
    assert waiting == [(0, False), (None, None)]
    assert "it is another site's; see JANUS_WORKFLOWS" in told["unwatched"]


def test_a_program_gets_its_list_and_the_warning_apart_from_it(site):
    workspace, _ = site
    drain(workspace, 64)
    for name in LISTS:
        said, warned = janus(name, "-w", "w", "--json")
        assert json.loads(said) == []
        assert warned.startswith("Not all: unwatched so far: 1 observation")
    facts = json.loads(janus("status", "-w", "w", "--json")[0])
    assert facts["waiting"] == {
        "inbox": 0, "observations": 1, "cells": 0, "led": False, "notices": {}, "given_up": 0,
    }  # fmt: skip
    assert "for no robot is named" in facts["unwatched"]


def test_a_workspace_that_no_robot_can_send_to_waits_for_nobody(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        workspace.catalogue.observations.report(new_id(), Pick(None, None, Outcome.PICKED, NOW))
    said, warned = janus("status", "-w", tmp_path / "w")
    assert "unwatched" not in said + warned
    assert json.loads(janus("status", "-w", tmp_path / "w", "--json")[0])["waiting"] is None


def test_notices_that_wait_or_were_given_up_are_in_the_status(site):
    workspace, _ = site
    engine = sqlite_engine(workspace.folder / "workflows.db")
    Outbox(engine).add(None, 0, {"pager": [hello("pager"), hello("pager")]}, 0.0)
    engine.dispose()
    workspace.catalogue.rejects.add("notice ticket.opened msg_1 for pager", "HTTP 500")
    said, _ = janus("status", "-w", "w")
    assert "to pager: waiting 2" in said
    assert "given up (see `janus rejects`) 1" in said
