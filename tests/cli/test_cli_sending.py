from threading import Event

from januscl.cli.sending import _keep_sending


class Failing:
    """A sender that fails once, for what nobody foresaw, and is told to stop at its next run."""

    def __init__(self):
        self.runs = 0

    def run(self, stop):
        self.runs += 1
        if self.runs == 1:
            raise KeyError("hunter2")
        stop.set()


def test_a_worker_sends_again_after_what_nobody_foresaw_and_tells_no_secret(monkeypatch, caplog):
    monkeypatch.setattr("januscl.cli.sending._AGAIN_S", 0.0)
    sender = Failing()
    _keep_sending(sender, Event())
    assert sender.runs == 2
    assert "no notice is sent: KeyError; it is tried again" in caplog.text
    assert "hunter2" not in caplog.text
