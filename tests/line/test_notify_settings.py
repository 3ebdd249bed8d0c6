"""Targets come from the file and the environment, must make sense, and keep their secrets."""

import json
import os
import re
from pathlib import Path

import pytest
from notify_scenes import OTHER, SECRET

from januscl.core import InvalidInput
from januscl.line.settings import describe, load_settings
from januscl.line.telling.notify import TYPES, Mailbox, Webhook, hello, send

HOOK = {"name": "pager", "url": "https://hooks.example/in/token-1234", "secrets": [SECRET]}
MAIL = {"name": "shift", "host": "mail.example", "sender": "janus@example.com",
        "to": ["ops@example.com"]}  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in os.environ:
        if name.startswith("JANUS_"):
            monkeypatch.delenv(name)


def load(monkeypatch, webhooks=(), emails=()):
    monkeypatch.setenv("JANUS_WEBHOOKS", json.dumps(list(webhooks)))
    monkeypatch.setenv("JANUS_EMAILS", json.dumps(list(emails)))
    return load_settings()


def test_targets_come_from_the_file_and_their_secrets_from_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "janus.toml"
    file.write_text(
        '[[webhooks]]\nname = "pager"\nurl = "https://hooks.example/"\n'
        'secrets_from = "PAGER_KEYS"\nabout = ["ticket.*"]\n'
        '[[emails]]\nname = "shift"\nhost = "mail.example"\nsender = "j@example.com"\n'
        'to = ["ops@example.com"]\nuser = "j"\npassword_from = "MAIL_PASSWORD"\n'
    )
    monkeypatch.setenv("JANUS_CONFIG", str(file))
    monkeypatch.setenv("PAGER_KEYS", f"{SECRET} {OTHER}")
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    found = load_settings()
    hook, mail = found.targets
    assert len(hook.keys) == 2
    assert hook.wants("ticket.opened")
    assert not hook.wants("release.done")
    assert mail.login == ("j", "hunter2")
    shown = {setting.name: setting.value for setting in describe(found)}
    assert (shown["webhooks"], shown["emails"]) == ("pager", "shift")
    for secret in (SECRET, OTHER, "hunter2", "PAGER_KEYS="):
        assert secret not in repr(found) + str(found) + str(describe(found))


def test_only_who_sends_needs_the_secrets_in_the_environment(monkeypatch):
    for name in ("PAGER_KEYS", "MAIL_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    hook = {"name": "pager", "url": HOOK["url"], "secrets_from": "PAGER_KEYS"}
    mail = {**MAIL, "user": "j", "password_from": "MAIL_PASSWORD"}
    targets = load(monkeypatch, [hook], [mail]).targets
    for target in targets:
        with pytest.raises(ValueError, match="the environment does not hold"):
            target.check()
        reply = send(target, [hello(target.name)])
        assert not reply.taken
        assert "the environment does not hold" in reply.text
    monkeypatch.setenv("PAGER_KEYS", f"{SECRET} {OTHER}")
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    for target in targets:
        target.check()
    for wrong in ("token-1234", f"{SECRET} " * 3):
        monkeypatch.setenv("PAGER_KEYS", wrong)
        with pytest.raises(ValueError, match="secret") as caught:
            targets[0].check()
        assert wrong not in str(caught.value)


def test_a_url_is_a_secret_too(monkeypatch):
    found = load(monkeypatch, [HOOK])
    assert "token-1234" not in repr(found) + str(describe(found)) + found.targets[0].place
    assert found.targets[0].place == "https://hooks.example/…"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "http://hooks.example/token-1234"}, "url must be https://"),
        ({"url": "https://me:token-1234@hooks.example/"}, "without a user"),
        ({"url": "file:///etc/token-1234"}, "url must be"),
        ({"url": "https://[token-1234"}, "url is no URL"),
        ({"url": "https://hooks.example:99999/token-1234"}, "url is no URL"),
        ({"url": "https://hooks.example/token-1234 x"}, "ASCII"),
        ({"url": "https://hooks.example/\ntoken-1234"}, "ASCII"),
        ({"secrets": []}, "at least 1"),
        ({"secrets": [SECRET] * 3}, "at most 2"),
        ({"secrets": ["token-1234"]}, "a secret is whsec_"),
        ({"secrets": ["whsec_AAAA"]}, "24 to 64"),
        ({"secrets_from": "PAGER_KEYS"}, "not both"),
        ({"secrets": [], "secrets_from": "token-1234"}, "pattern"),
        ({"about": ["tickets"]}, "'tickets' is none of"),
        ({"about": []}, "at least 1"),
        ({"name": "a b"}, "pattern"),
        ({"hours": 0}, "greater than 0"),
        ({"secret": "token-1234"}, "found `secret`, which is none. Did you mean `secrets`?"),
        ({"private": "token-1234"}, "webhooks.0.private: expected true or false"),
        ({"secrets": "token-1234"}, "webhooks.0.secrets: expected a list"),
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused_and_nothing_of_it_shown(
    monkeypatch, change, told
):
    with pytest.raises(InvalidInput, match=re.escape(told)) as caught:
        load(monkeypatch, [{**HOOK, **change}])
    assert "token-1234" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"to": []}, "at least 1"),
        ({"to": ["ops@example.com\nBcc: x@example.com"]}, "plain addresses"),
        ({"sender": "Janus <janus@example.com>"}, "plain addresses"),
        ({"to": ["a,b@example.com"]}, "plain addresses"),
        ({"to": ["g:x,y@example.com"]}, "plain addresses"),
        ({"password": "hunter2"}, "belong together"),
        ({"password_from": "MAIL_PASSWORD"}, "belong together"),
        ({"user": "j", "password": "hunter2", "password_from": "MAIL_PASSWORD"}, "not both"),
        ({"user": "j", "password_from": "MAIL_PASSWORD", "security": "none"}, "a password needs"),
        ({"user": "j", "password": "hunter2", "security": "none"}, "a password needs"),
        ({"security": "ssl"}, "one of 'starttls', 'tls' or 'none'"),
        ({"port": 0}, "emails.0.port: expected a number of at least 1"),
        ({"port": "many"}, "emails.0.port: expected a whole number"),
        ({"sender": None}, "emails.0.sender: expected a text"),
    ],
)
def test_a_mailbox_that_cannot_be_used_is_refused(monkeypatch, change, told):
    with pytest.raises(InvalidInput, match=re.escape(told)) as caught:
        load(monkeypatch, [], [{**MAIL, **change}])
    assert "hunter2" not in str(caught.value)


def test_two_targets_of_one_name_are_refused(monkeypatch):
    with pytest.raises(InvalidInput, match="pager is the name of two"):
        load(monkeypatch, [HOOK], [{**MAIL, "name": "pager"}])
    with pytest.raises(InvalidInput, match="pager is the name of two"):
        load(monkeypatch, [HOOK, HOOK])


def test_what_is_no_json_names_its_variable(monkeypatch):
    monkeypatch.setenv("JANUS_WEBHOOKS", f"[{SECRET}")
    with pytest.raises(InvalidInput, match="JANUS_WEBHOOKS") as caught:
        load_settings()
    assert SECRET not in str(caught.value)


def test_every_type_and_setting_is_documented():
    docs = (Path(__file__).parents[2] / "docs" / "notify.md").read_text()
    for name in (*TYPES, *Webhook.model_fields, *Mailbox.model_fields):
        assert f"`{name}`" in docs
