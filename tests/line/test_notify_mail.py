"""E-mail: one message a notice or a digest, over TLS where it is asked for, and never twice."""

import base64
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from notify_scenes import Post, certificate, serving

from januscl.line.telling.notify import Mailbox, Notice, mail, send

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
LOGIN = base64.b64encode(b"\0janus\0hunter2").decode()


def notice(number=1, text="ticket: defocus at cam-7", **data):
    return Notice(f"msg_{number}", "ticket.opened", AT, text, {"camera": "cam-7", **data})


def target(post, **given):
    given = {"security": "none", "to": ["ops@example.com", "day@example.com"], **given}
    host = given.pop("host", "localhost")
    return Mailbox(name="shift", host=host, port=post.port, sender="janus@example.com", **given)


@pytest.fixture
def post():
    with serving(Post()) as server:
        yield server


def read(post, number=0):
    to, data = post.got[number]
    return to, message_from_bytes(data, policy=policy.default)


def test_a_notice_is_one_message(post):
    assert send(target(post), [notice()]).taken
    to, message = read(post)
    assert to == ["ops@example.com", "day@example.com"]
    assert message["Subject"] == "[Janus] ticket: defocus at cam-7"
    assert message["Message-ID"] == "<msg_1@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "camera: cam-7" in message.get_content()


def test_many_notices_are_one_digest_which_is_the_same_when_sent_again(post):
    many = [notice(number, f"ticket {number}") for number in range(7)]
    assert send(target(post), many).taken
    assert send(target(post), many).taken
    assert send(target(post), many[:6]).taken
    ids = [read(post, number)[1]["Message-ID"] for number in range(3)]
    assert ids[0] == ids[1] != ids[2]
    message = read(post)[1]
    assert message["Subject"] == "[Janus] 7 notices: ticket 0 and more"
    assert all(f"ticket {number}" in message.get_content() for number in range(7))


@pytest.mark.parametrize("name", ["a\r\nBcc: evil@example.com", "a\nb", "x" * 5000, "Kühlbox ✓"])
def test_a_name_of_any_kind_ends_no_header(post, name):
    assert send(target(post), [notice(text=f"{name}: it came back", name=name)]).taken
    to, message = read(post)
    assert message["Bcc"] is None
    assert to == ["ops@example.com", "day@example.com"]
    assert len(message["Subject"]) <= 150
    assert "\nBcc:" not in message.get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_only_over_tls_to_who_holds_the_certificate(
    tmp_path, monkeypatch, security
):
    file, context = certificate(tmp_path)
    with serving(Post(context, LOGIN)) as post:
        if security == "tls":
            post.socket = context.wrap_socket(post.socket, server_side=True)
        given = {"security": security, "user": "janus", "password": "hunter2"}
        stranger = send(target(post, **given), [notice()])
        assert not stranger.taken
        assert post.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        if security == "starttls":
            assert send(target(post, **given), [notice()]).taken
            wrong = send(target(post, **{**given, "password": "other"}), [notice()])
            assert (wrong.taken, wrong.refused) == (False, False)
            assert "535" in wrong.text
        else:
            assert send(target(post, security="tls"), [notice()]).taken
    assert len(post.got) == 1


def test_a_server_without_starttls_gets_nothing(post):
    reply = send(target(post, security="starttls"), [notice()])
    assert not reply.taken
    assert "STARTTLS" in reply.text
    assert post.got == []


@pytest.mark.parametrize(
    ("command", "answer", "refused"),
    [
        ("RCPT", "550 nobody", True),
        ("RCPT", "450 later", False),
        ("MAIL", "451 later", False),
        ("the message", "554 spam", True),
        ("the message", "452 full", False),
    ],
)
def test_what_is_refused_for_good_is_told_from_what_may_come_later(post, command, answer, refused):
    post.refuse = {command: answer}
    reply = send(target(post), [notice()])
    assert (reply.taken, reply.refused) == (False, refused)
    assert answer[:3] in reply.text
    assert post.got == []


def test_one_recipient_that_is_refused_does_not_keep_it_from_the_others(post):
    post.refuse = {"RCPT TO:<DAY": "550 nobody"}
    reply = send(target(post), [notice()])
    assert reply.taken
    assert "day@example.com" in reply.text


def test_a_message_that_was_taken_stays_taken_when_the_goodbye_fails(post):
    post.refuse = {"QUIT": "421 what"}
    assert send(target(post), [notice()]).taken
    assert len(post.got) == 1


def test_nobody_there_is_a_failure_and_no_crash(post):
    gone = target(post)
    post.shutdown()
    post.server_close()
    assert not send(gone, [notice()]).taken


def test_a_host_that_is_none_is_a_failure_and_no_crash(post):
    reply = send(target(post, host="mail..example"), [notice()])
    assert (reply.taken, reply.refused) == (False, False)


def test_a_password_that_cannot_be_sent_is_a_failure_that_does_not_show_it(tmp_path, monkeypatch):
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(Post(context, LOGIN)) as post:
        given = {"security": "starttls", "user": "janus", "password": "hunterß"}
        reply = send(target(post, **given), [notice()])
    assert (reply.taken, reply.refused) == (False, False)
    assert "password" in reply.text
    assert not any(shown in reply.text for shown in ("hunter", "ß", "xdf"))


def test_a_cost_is_one_line_that_a_person_reads(post):
    cost = {"expected": 42.0, "low": 30.0, "high": 55.5, "trend": "rising"}
    assert send(target(post), [notice(lost_picks_a_day=cost, robots=["cell-7", "cell-8"])]).taken
    content = read(post)[1].get_content()
    assert "  lost_picks_a_day: 42 (30 to 55.5), rising" in content.splitlines()
    assert "  robots: cell-7, cell-8" in content.splitlines()


def test_a_server_that_answers_drop_by_drop_is_left_at_the_deadline(post, monkeypatch):
    monkeypatch.setattr(mail, "DEADLINE_S", 0.5)

    def drip():
        with suppress(OSError):
            for _ in range(200):
                yield "250-"
                time.sleep(0.05)

    post.refuse = {"MAIL": drip()}
    begun = time.monotonic()
    reply = send(target(post), [notice()])
    assert (reply.taken, reply.refused) == (False, False)
    assert "not done within 0.5 s" in reply.text
    assert time.monotonic() - begun < 5
    assert post.got == []


def test_a_mail_server_that_is_found_too_late_gets_nothing(post, monkeypatch):
    monkeypatch.setattr(mail, "DEADLINE_S", 0.3)
    found, over = socket.getaddrinfo, threading.Event()

    def late(*given, **more):
        over.wait(20)
        return found(*given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    reply = send(target(post), [notice()])
    assert "not done within" in reply.text
    over.set()
    for thread in threading.enumerate():
        if thread.name == "notify attempt":
            thread.join(10)
    assert post.got == [], "it is sent by the next attempt, not by this one"
