"""A webhook is signed, goes only where it may, and never takes longer than it is given."""

import base64
import json
import re
import threading
import time
from pathlib import Path

import pytest
from notify_scenes import OTHER, SECRET, Hook, certificate, serving

from januscl.line.telling.notify import Webhook, hello, send, webhook
from januscl.line.telling.notify.guard import is_public

DOCS = (Path(__file__).parents[2] / "docs" / "notify.md").read_text()


@pytest.fixture
def hook():
    with serving(Hook()) as server:
        yield server


def target(hook, **given):
    given = {"plain": True, "private": True, "secrets": [SECRET], **given}
    host = given.pop("host", "127.0.0.1")
    scheme = "http" if given["plain"] else "https"
    url = f"{scheme}://{host}:{hook.port}/in/token-1234?a=b"
    return Webhook(name="pager", url=url, **given)


def documented():
    """Return the functions of the snippet that docs/notify.md gives to receivers."""
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    names = {}
    exec(compile(snippet, "docs/notify.md", "exec"), names)  # noqa: S102
    return names


def test_the_documented_snippet_takes_what_was_sent_and_nothing_else(hook):
    verified = documented()["verified"]
    sent = hello("pager")
    assert send(target(hook), [sent]).taken
    ((headers, body),) = hook.got
    assert verified(headers, body, [SECRET])["type"] == "test"
    assert verified(headers, body, [OTHER, SECRET])
    for wrong in (
        (headers, body + b" ", [SECRET]),
        (headers, body, [OTHER]),
        ({**headers, "webhook-id": "msg_0"}, body, [SECRET]),
        ({**headers, "webhook-timestamp": str(int(time.time()) - 301)}, body, [SECRET]),
        ({**headers, "webhook-signature": "v1,AAAA v2,BBBB"}, body, [SECRET]),
        ({**headers, "webhook-signature": "v1,ä"}, body, [SECRET]),
    ):
        with pytest.raises(ValueError, match="notice"):
            verified(*wrong)


def test_the_signature_is_that_of_standard_webhooks():
    # The example of the specification's reference implementations.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = webhook.signed([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_keys_are_changed_a_receiver_with_either_takes_it(hook):
    verified = documented()["verified"]
    assert send(target(hook, secrets=[OTHER, SECRET]), [hello("pager")]).taken
    ((headers, body),) = hook.got
    assert verified(headers, body, [SECRET]) == verified(headers, body, [OTHER])


def test_a_body_says_what_when_and_in_words(hook):
    sent = hello("pager")
    assert send(target(hook), [sent]).taken
    ((headers, body),) = hook.got
    told = json.loads(body)
    assert set(told) == {"type", "timestamp", "data"}
    assert told["data"]["text"] == sent.text
    assert headers["webhook-id"] == sent.id
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (410, True), (422, True), (401, False), (404, False),
                            (408, False), (429, False), (500, False), (503, False)],
)  # fmt: skip
def test_what_is_wrong_with_the_target_is_told_from_what_is_wrong_with_the_notice(
    hook, status, refused
):
    hook.answers = [(status, {"retry-after": "120"})]
    reply = send(target(hook), [hello("pager")])
    assert (reply.taken, reply.refused, reply.text) == (False, refused, f"HTTP {status}")
    assert reply.wait == 120


def test_a_redirect_is_not_followed(hook):
    with serving(Hook()) as elsewhere:
        hook.answers = [(307, {"location": f"http://127.0.0.1:{elsewhere.port}/"})]
        reply = send(target(hook), [hello("pager")])
        assert not reply.taken
        assert "redirect" in reply.text
        assert elsewhere.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::1]"])
def test_an_address_that_is_not_public_is_refused_by_whatever_name(hook, host):
    reply = send(target(hook, private=False, host=host), [hello("pager")])
    assert not reply.taken
    assert "not public" in reply.text
    assert hook.got == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "224.0.0.1",
     "0.0.0.0", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
     "2002:a00:1::", "fd00::1", "fe80::1%eth0", "ff02::1", "fec0::1", "::10.0.0.1", "2001::1"],
)  # fmt: skip
def test_no_wrapping_makes_an_inner_address_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses_are(address):
    assert is_public(address)


def test_a_proxy_of_the_environment_is_not_used(hook, monkeypatch):
    with serving(Hook()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert send(target(hook), [hello("pager")]).taken
        assert proxy.got == []


def test_a_target_that_answers_drop_by_drop_is_left_at_the_deadline(hook, monkeypatch):
    monkeypatch.setattr(webhook, "DEADLINE_S", 0.5)

    def drip(handler):
        for _ in range(100):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.05)

    hook.answers = [drip]
    begun = time.monotonic()
    reply = send(target(hook), [hello("pager")])
    assert not reply.taken
    assert "no answer within" in reply.text
    assert time.monotonic() - begun < 3


def test_a_name_that_nobody_looks_up_in_time_is_left_at_the_deadline(hook, monkeypatch):
    begun, over = time.monotonic(), threading.Event()
    monkeypatch.setattr(webhook, "DEADLINE_S", 0.3)
    monkeypatch.setattr("socket.getaddrinfo", lambda *given, **more: over.wait(20))
    reply = send(target(hook, host="slow.example"), [hello("pager")])
    over.set()
    assert not reply.taken
    assert "no answer within" in reply.text
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000]
)
def test_an_answer_that_is_none_is_a_failure_and_no_crash(hook, answer):
    def broken(handler):
        handler.wfile.write(answer)
        handler.close_connection = True

    hook.answers = [broken]
    reply = send(target(hook), [hello("pager")])
    assert (reply.taken, reply.refused) == (False, False)
    assert "token-1234" not in reply.text


def test_nobody_there_is_a_failure_and_no_crash(hook):
    gone = target(hook)
    hook.shutdown()
    hook.server_close()
    assert not send(gone, [hello("pager")]).taken
    for url in ("https://no-such-name.invalid/", "https://token-1234..b/", "https://xn--0/"):
        reply = send(Webhook(name="x", url=url, secrets=[SECRET]), [hello("x")])
        assert not reply.taken
        assert "token-1234" not in reply.text


def test_https_is_checked_by_name_though_the_address_is_connected_to(tmp_path, monkeypatch):
    file, context = certificate(tmp_path)
    with serving(Hook(context)) as hook:
        safe = target(hook, plain=False, host="localhost")
        unknown = send(safe, [hello("pager")])
        assert not unknown.taken
        assert "certificate" in unknown.text.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert send(safe, [hello("pager")]).taken
        assert hook.got[0][0]["host"] == f"localhost:{hook.port}"


def test_a_certificate_of_another_name_is_refused(tmp_path, monkeypatch):
    file, context = certificate(tmp_path, "elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(Hook(context)) as hook:
        reply = send(target(hook, plain=False, host="localhost"), [hello("pager")])
    assert not reply.taken
    assert hook.got == []
