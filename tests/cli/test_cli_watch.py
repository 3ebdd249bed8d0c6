"""`janus watch report` from its arguments to the page."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.core import Conflict, NotFound

sys.path.append(str(Path(__file__).parents[1] / "line"))  # a workspace with all that is told
from watch_scenes_site import Site

RUN = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch") / "site"
    site = Site(folder)
    site.reads()
    site.sees()
    site.finds()
    site.tickets()
    site.close()
    return str(folder)


def report(folder, *given):
    return RUN.invoke(app, ["watch", "report", "-w", folder, *given], catch_exceptions=True)


def test_the_report_writes_a_page_and_says_where(folder, tmp_path):
    done = report(folder, "--out", str(tmp_path / "watch.html"))
    assert done.exit_code == 0, done.output
    assert "watch.html" in done.output.replace("\n", "")
    assert "bag" in done.output
    assert (tmp_path / "watch.html").read_text().startswith("<!doctype html>")


def test_as_json_it_tells_the_readings_and_where_the_page_is(folder, tmp_path):
    done = report(folder, "--json", "--out", str(tmp_path / "watch.html"), "--camera", "camera-a")
    told = json.loads(done.stdout)
    assert [camera["camera"] for camera in told["cameras"]] == ["camera-a"]
    assert Path(told["page"]).is_file()
    assert told["tickets"][0]["cause"] == "defocus"
    assert told["maps"][0]["novelties"][0]["name"] == "bag"


def test_a_page_that_is_there_is_replaced_only_with_force(folder, tmp_path):
    out = tmp_path / "watch.html"
    out.write_text("mine")
    assert isinstance(report(folder, "--out", str(out)).exception, Conflict)
    assert out.read_text() == "mine"
    assert report(folder, "--out", str(out), "--force").exit_code == 0
    assert out.read_text() != "mine"


def test_a_camera_that_is_not_there_is_named_and_no_page_written(folder, tmp_path):
    done = report(folder, "--out", str(tmp_path / "watch.html"), "--camera", "nobody")
    assert isinstance(done.exception, NotFound)
    assert "camera-a" in str(done.exception)
    assert not (tmp_path / "watch.html").exists()


def test_days_that_are_no_number_are_wrong_usage(folder, tmp_path):
    done = report(folder, "--out", str(tmp_path / "watch.html"), "--days", "nan")
    assert done.exit_code == 2
    assert "--days" in done.output
