"""Settings come from options, the environment and one file, in this order, and say from which."""

import re

import pytest

from januscl.core import InvalidInput, JanusError, NotFound
from januscl.line.flat import flat, policy_of
from januscl.line.policy import Policy
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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("port", "many", "setting port: expected a whole number, found 'many'"),
        ("port", "70000", "setting port: expected a number of at most 65535, found '70000'"),
        ("worker", "perhaps", "setting worker: expected true or false"),
        ("burst", "0", "setting burst: expected a number of at least 1"),
        ("tend_seconds", "0", "setting tend_seconds: expected a number greater than 0"),
        ("picks_a_day", "inf", "setting picks_a_day: expected a number that is not infinite"),
        ("log_level", "loud", "expected one of 'debug', 'info', 'warning' or 'error'"),
        ("webhooks", "[1]", "setting webhooks.0: expected a table"),
        ("webhooks", "[{}]", "setting webhooks.0.name: expected a value"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_in_our_own_words(monkeypatch, name, value, told):
    monkeypatch.setenv(f"JANUS_{name.upper()}", value)
    with pytest.raises(InvalidInput, match=re.escape(told)) as caught:
        load_settings()
    assert "nput should be" not in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_a_setting_that_there_is_not_is_told_with_the_one_that_was_meant(file):
    file.write_text("prot = 1\n")
    with pytest.raises(InvalidInput, match=r"found `prot`, which is none. Did you mean `port`\?"):
        load_settings()


def test_the_policy_is_one_flat_table_of_the_file_and_the_environment(file, monkeypatch):
    file.write_text('executor = "http://ray:8265"\n[policy]\nframes = 40\nsteps = 100\nseed = 7\n')
    monkeypatch.setenv("JANUS_POLICY", '{"frames": 50, "min_cost": 2}')
    found = load_settings()
    policy = policy_of(found.policy)
    assert (policy.collecting.frames, policy.collecting.min_cost) == (50, 2.0)
    assert (policy.learning.steps, policy.learning.replay) == (100, 600)
    assert (policy.learning.seed, policy.watching.seed) == (7, 7)
    shown = {setting.name: (setting.value, setting.source) for setting in describe(found)}
    assert shown["executor"] == ("http://ray:8265", str(file))
    assert shown["policy.frames"] == ("50", "JANUS_POLICY")
    assert shown["policy.steps"] == ("100", str(file))
    assert shown["policy.margin"] == ("0.1", "default")
    assert "policy" not in shown


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("frame = 40", "policy.frame: expected one of"),
        ("frames = 1", "collecting.frames"),
        ("frames = 40.5", "policy.frames: expected a whole number"),
        ("frames = 99999999999", "policy.frames: expected a whole number"),
        ("frames = true", "policy.frames: expected a whole number"),
        ('held_back = "much"', "policy.held_back: expected a number"),
        ("held_back = nan", "collecting.held_back"),
        ("cameras = 1", "policy.cameras: expected true or false"),
        ('strategy = "magic"', "magic"),
        ("[policy.learning]\nsteps = 3", "policy.learning: expected one of"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused_at_the_door(file, table, told):
    file.write_text(f"[policy]\n{table}\n")
    with pytest.raises(JanusError, match=re.escape(told)):
        load_settings()


@pytest.mark.parametrize("text", ["frames=3", "[]", "7"])
def test_a_policy_in_the_environment_that_is_no_object_is_refused(monkeypatch, text):
    monkeypatch.setenv("JANUS_POLICY", text)
    with pytest.raises(InvalidInput, match=r"(?i)policy"):
        load_settings()


def test_the_policy_of_no_table_is_the_default():
    assert policy_of({}) == Policy()
    assert policy_of(flat(Policy()) | {"seed": 0}) == policy_of({"seed": 0})


def test_a_password_in_the_workflows_url_is_never_shown(monkeypatch):
    monkeypatch.setenv("JANUS_WORKFLOWS", "postgresql://janus:hunter2@db/flows")
    found = load_settings()
    assert "hunter2" not in repr(found) + str(describe(found))


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
