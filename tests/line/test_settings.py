"""Settings come from options, the environment and one file, in this order, and say from which."""

import pytest

from januscl.core import InvalidInput, NotFound
from januscl.line.settings import describe, load_settings, open_workspace


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    import os

    for name in os.environ:
        if name.startswith("JANUS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "janus.toml"
    path.write_text('port = 1000\nhost = "10.0.0.1"\nburst = 7\n')
    monkeypatch.setenv("JANUS_CONFIG", str(path))
    return path


def test_an_option_beats_the_environment_which_beats_the_file(file, monkeypatch):
    monkeypatch.setenv("JANUS_PORT", "2000")
    monkeypatch.setenv("JANUS_HOST", "10.0.0.2")
    options = {"port": 3000, "host": None}
    found = load_settings(options)
    assert (found.port, found.host, found.burst) == (3000, "10.0.0.2", 7)
    sources = {setting.name: setting.source for setting in describe(found, options)}
    assert sources["port"] == "option"
    assert sources["host"] == "JANUS_HOST"
    assert sources["burst"] == str(file)
    assert sources["worker"] == "default"


def test_a_secret_is_never_shown(monkeypatch):
    monkeypatch.setenv("JANUS_DATABASE", "postgresql+psycopg://janus:hunter2@db/janus")
    found = load_settings()
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(describe(found))


def test_a_value_that_cannot_be_used_names_its_setting(monkeypatch):
    monkeypatch.setenv("JANUS_PORT", "many")
    with pytest.raises(InvalidInput, match="setting port"):
        load_settings()


def test_a_setting_that_there_is_not_is_told(file):
    file.write_text("prot = 1\n")
    with pytest.raises(InvalidInput, match="prot"):
        load_settings()


def test_a_file_that_is_not_there_or_no_toml_is_told(file):
    file.write_text("port = = 1")
    with pytest.raises(InvalidInput, match="TOML"):
        load_settings()
    file.unlink()
    with pytest.raises(NotFound, match="JANUS_CONFIG"):
        load_settings()


def test_the_workspace_is_opened_where_the_settings_say(tmp_path):
    with open_workspace(load_settings({"workspace": tmp_path / "w"})) as workspace:
        assert workspace.folder == tmp_path / "w"
