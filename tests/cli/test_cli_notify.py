"""`janus notify`, as a person runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from januscl.core import new_id
from januscl.store import Workspace

sys.path.append(str(Path(__file__).parents[1] / "line"))  # the servers that notices are sent to

from notify_scenes import SECRET, Hook, Post, serving

PROGRAM = "import sys; from januscl.cli.main import main; main()"


def start(*words, targets=(), mails=(), command="notify"):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JANUS_")}
    environment |= {"JANUS_WEBHOOKS": json.dumps(targets), "JANUS_EMAILS": json.dumps(mails)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, command, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def hook_at(port, name="pager"):
    return {"name": name, "url": f"http://127.0.0.1:{port}/token-1234", "secrets": [SECRET],
            "plain": True, "private": True}  # fmt: skip


@pytest.fixture
def hook():
    with serving(Hook()) as server:
        yield server


def test_a_test_notice_goes_to_every_target_and_each_answer_is_told(hook):
    with serving(Post()) as post:
        mail = {"name": "shift", "host": "127.0.0.1", "port": post.port, "security": "none",
                "sender": "janus@example.com", "to": ["ops@example.com"]}  # fmt: skip
        code, out, err = ended(start("test", "--json", targets=[hook_at(hook.port)], mails=[mail]))
        assert (code, err) == (0, "")
        rows = json.loads(out)
        assert len(post.got) == 1
    assert [(row["target"], row["taken"], row["answer"]) for row in rows] == [
        ("pager", True, "HTTP 204"), ("shift", True, "SMTP 250"),
    ]  # fmt: skip
    assert json.loads(hook.got[0][1])["type"] == "test"
    assert "token-1234" not in out


def test_one_target_that_does_not_take_it_is_exit_code_3(hook):
    hook.answers = [(500, {})]
    code, out, _ = ended(start("test", targets=[hook_at(hook.port)]))
    assert code == 3
    assert "HTTP 500" in out
    assert "token-1234" not in out


def test_one_target_alone_can_be_tested(hook):
    targets = [hook_at(hook.port), hook_at(1, "gone")]
    code, _, _ = ended(start("test", "pager", targets=targets))
    assert code == 0
    code, _, err = ended(start("test", "nobody", targets=targets))
    assert code == 1
    assert "pager, gone" in " ".join(err.split())


def test_without_any_target_it_says_where_to_read_on():
    for words in (["test"], ["run", "--once"]):
        code, _, err = ended(start(*words))
        assert code == 1
        assert "docs/notify.md" in err


def test_the_sender_tells_of_what_happens_until_it_is_stopped(hook, tmp_path):
    folder = str(tmp_path / "w")
    with Workspace.open(tmp_path / "w") as workspace:
        given = {"targets": [hook_at(hook.port)]}
        code, _, err = ended(start("run", "--once", "--workspace", folder, **given))
        assert (code, err) == (0, "")
        detail = {"camera": "cam-7", "cause": "defocus", "evidence": "blurred"}
        workspace.catalogue.audit.record("triage", "ticket.opened", new_id(), detail)
        process = start("run", "--workspace", folder, **given)
        ends = time.monotonic() + 60
        while not hook.got:
            assert time.monotonic() < ends
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    assert (code, err) == (0, "")
    (line,) = [json.loads(line) for line in out.splitlines()]
    assert line["event"].startswith("pager took ticket.opened (msg_")
    assert json.loads(hook.got[0][1])["data"]["cause"] == "defocus"


def test_a_secret_that_the_environment_lacks_is_said_before_anything_is_sent(hook, tmp_path):
    lacking = {**hook_at(hook.port, "later"), "secrets_from": "NO_SUCH_VARIABLE"}
    del lacking["secrets"]
    for words in (["test"], ["run", "--once", "--workspace", str(tmp_path / "w")]):
        code, _, err = ended(start(*words, targets=[hook_at(hook.port), lacking]))
        assert code == 1
        assert "target later" in err
    assert hook.got == []


def fault(workspace, number=1):
    for k in range(number):
        detail = {"camera": "cam-7", "cause": f"cause-{k}", "evidence": "blurred"}
        workspace.catalogue.audit.record("triage", "ticket.opened", new_id(), detail)


def causes(hook):
    return [json.loads(body)["data"]["cause"] for _, body in hook.got]


def eventually(holds, seconds=90):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def stops_when_told(process):
    """Say whether a process has come so far that SIGTERM no longer just kills it."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_worker_sends_notices_and_of_two_only_one_does(hook, tmp_path):
    folder, given = str(tmp_path / "w"), {"targets": [hook_at(hook.port)]}
    with Workspace.open(tmp_path / "w") as workspace:
        code, *_ = ended(start("run", "--once", "--workspace", folder, **given))
        assert code == 0
        workers = [
            start("-w", folder, "--executor-id", name, command="worker", **given)
            for name in ("one", "two")
        ]
        try:
            fault(workspace, 5)
            eventually(lambda: len(hook.got) >= 5)
            eventually(lambda: all(stops_when_told(process) for process in workers))
            time.sleep(1.5)  # the other one would have looked by now
        finally:
            for process in workers:
                process.send_signal(signal.SIGTERM)
            told = [ended(process) for process in workers]
    assert [code for code, *_ in told] == [0, 0]
    assert causes(hook) == [f"cause-{k}" for k in range(5)]
    assert any("pager took ticket.opened" in out for _, out, _ in told)


def test_a_worker_that_works_once_sends_what_happened_before_it_ends(hook, tmp_path):
    folder, given = str(tmp_path / "w"), {"targets": [hook_at(hook.port)]}
    with Workspace.open(tmp_path / "w") as workspace:
        assert ended(start("run", "--once", "--workspace", folder, **given))[0] == 0
        fault(workspace, 3)
    assert ended(start("-w", folder, "--once", command="worker", **given))[0] == 0
    assert causes(hook) == ["cause-0", "cause-1", "cause-2"]


def test_a_worker_that_lacks_a_secret_works_and_leaves_the_sending_to_others(hook, tmp_path):
    folder = str(tmp_path / "w")
    lacking = {**hook_at(hook.port), "secrets_from": "NO_SUCH_VARIABLE"}
    del lacking["secrets"]
    with Workspace.open(tmp_path / "w") as workspace:
        code, *_ = ended(start("run", "--once", "-w", folder, targets=[hook_at(hook.port)]))
        assert code == 0
        fault(workspace)
    code, out, _ = ended(start("-w", folder, "--once", command="worker", targets=[lacking]))
    assert code == 0
    assert "this worker sends no notices: target pager" in out
    assert hook.got == []
    assert ended(start("run", "--once", "-w", folder, targets=[hook_at(hook.port)]))[0] == 0
    assert causes(hook) == ["cause-0"]
