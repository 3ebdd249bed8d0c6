"""A worker tells what it does, in words where there are some."""

import logging
from datetime import UTC, datetime

import pytest

from januscl.line.draining import Drained
from januscl.line.durable.telling import Teller, progress_of, said
from januscl.store import AuditRow, Workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def row(action, subject="019aaaaa-0000-7000", **detail):
    return AuditRow(NOW, "line", action, subject, detail)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (row("novelty.closed", name="black bag"), "black bag: learned, and closed"),
        (row("gate.fail", "m-1", reasons=["It forgot.", "Much."]), "the gate refuses m-1: It "
         "forgot. Much."),
        (row("release.pass", model="m-123456789012345", stage="beta", reasons=[]),
         "release of m-12345678901 goes on: beta"),
        (row("kind.named", "tyre", id=3, shape="ring"), "line named a new kind: tyre"),
        (row("of.tomorrow", found=1), "of.tomorrow 019aaaaa-0000"),
        (row("round.failed"), "round.failed 019aaaaa-0000"),
    ],
)  # fmt: skip
def test_a_step_is_told_in_a_line(step, line):
    assert said(step) == line


def test_a_reason_of_any_length_is_one_line_of_bounded_length():
    assert len(said(row("round.failed", reason="x" * 5000))) == 300


def test_only_what_happens_from_now_on_is_told_each_step_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "januscl.worker")
    with Workspace.open(tmp_path / "w") as workspace:
        workspace.catalogue.audit.record("line", "novelty.new", "n", {"name": "before"})
        teller = Teller(workspace.catalogue)
        workspace.catalogue.audit.record("line", "novelty.new", "n", {"name": "after"})
        teller.drained(Drained(messages=1, observations=3))
        teller.tell()
        teller.tell(now=True)
        teller.tell(now=True)
    first, second = caplog.messages
    assert first == "something new was seen: after"
    assert second.startswith("taken in: 3 observations, 0 outcomes")
    assert caplog.records[0].told == {"action": "novelty.new", "subject": "n"}


def test_a_jobs_progress_is_told_now_and_then(caplog):
    caplog.set_level(logging.INFO, "januscl.worker")
    often, seldom = (progress_of("januscl.line.jobs:train_challenger", s) for s in (0.0, 60.0))
    for step in range(3):
        often({"step": step, "steps": 250, "loss": 0.123456})
        seldom({"step": step, "steps": 250, "loss": 0.123456})
    assert caplog.messages == [
        f"train challenger: step {step}, steps 250, loss 0.123" for step in range(3)
    ]
