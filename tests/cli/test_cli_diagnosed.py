import json

from cli_scenes import fill
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.store import DiagnosisRow, Workspace


def events(folder, *options):
    told = CliRunner().invoke(app, ["events", "-w", str(folder), *options])
    assert told.exit_code == 0, told.output
    return told.stdout


def test_an_event_tells_what_was_wrong_with_the_mask_of_its_failed_pick(tmp_path):
    folder = fill(tmp_path / "w")
    first, second = json.loads(events(folder, "--json"))
    assert (first["diagnosis"], first["why"]) == (None, None)
    with Workspace.open(folder) as opened:
        opened.catalogue.diagnoses.put(
            DiagnosisRow(second["observation"], 0, "merged", "An edge divides its mask.")
        )
    first, second = json.loads(events(folder, "--json"))
    assert first["diagnosis"] is None
    assert (second["diagnosis"], second["why"]) == ("merged", "An edge divides its mask.")
    assert "merged" in events(folder)
