"""``janus backup``, ``restore`` and ``fsck``, as a person or a program calls them."""

import json

import pytest
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.store import Workspace


@pytest.fixture
def site(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        digest = workspace.blobs.put(b"a letter")
        workspace.catalogue.rejects.add("letter", "no picture", digest)
    return tmp_path / "site"


def janus(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_workspace_is_saved_lost_and_brought_back(site, tmp_path):
    done = janus("backup", tmp_path / "saved", "-w", site)
    assert done.exit_code == 0
    assert "Saved 1 blobs and the catalogue" in done.output.replace("\n", " ")
    done = janus("restore", tmp_path / "saved", "-w", tmp_path / "again", "--json")
    assert done.exit_code == 0
    assert json.loads(done.output) == {
        "blobs": 1,
        "bytes": 8,
        "findings": [],
        "logged": 0,
    }
    done = janus("fsck", "-w", tmp_path / "again")
    assert done.exit_code == 0
    assert "Nothing is wrong: 1 blobs" in done.output


def test_a_restore_over_a_workspace_in_use_is_refused(site, tmp_path):
    janus("backup", tmp_path / "saved", "-w", site)
    done = janus("restore", tmp_path / "saved", "-w", site)
    assert done.exit_code == 1
    assert "something in" in str(done.exception)


def test_what_is_wrong_is_listed_and_the_exit_code_says_no(site, tmp_path):
    (blob,) = [path for path in (site / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(b"?")
    done = janus("fsck", "-w", site, "--json")
    assert done.exit_code == 3
    (finding,) = json.loads(done.output)["findings"]
    assert finding == {"what": "damaged", "thing": blob.name, "detail": "blob of rejects 1"}
    done = janus("fsck", "-w", site)
    assert done.exit_code == 3
    assert "damaged" in done.output
    assert janus("backup", tmp_path / "saved", "-w", site).exit_code == 3
    done = janus("restore", tmp_path / "saved", "-w", tmp_path / "again")
    assert done.exit_code == 3
    assert "missing" in done.output


def test_what_is_no_workspace_is_refused(tmp_path):
    for words in (("fsck",), ("backup", tmp_path / "saved")):
        done = janus(*words, "-w", tmp_path / "nowhere")
        assert done.exit_code == 1
        assert "not a Janus workspace" in str(done.exception)
