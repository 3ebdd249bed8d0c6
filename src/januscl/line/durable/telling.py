"""What a worker does, told as it happens: a line for each step that the audit log gains."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from januscl.line.draining import Drained
from januscl.store import AuditRow, Catalogue

_log = logging.getLogger("januscl.worker")
_AT_ONCE = 200
_EVERY_S = 10.0
_LONGEST = 300

_SAID: Mapping[str, str] = {
    "ticket.opened": "ticket: {cause} at {camera}; {evidence}",
    "ticket.closed": "ticket closed: {cause} at {camera}",
    "novelty.new": "something new was seen: {name}",
    "novelty.collecting": "{name}: collects frames",
    "novelty.labelling": "{name}: frames go out to be labelled",
    "novelty.in_deck": "{name}: goes into a deck",
    "novelty.in_release": "{name}: its model goes out to robots",
    "novelty.closed": "{name}: learned, and closed",
    "novelty.dismissed": "{name}: given up",
    "novelty.regressed": "{name}: it came back",
    "novelty.merged": "one with {name} after all",
    "campaign.opened": "a campaign asks for {quota} frames",
    "images.preserved": "{frames} raw images preserved; pixels of {asked} are asked of robots",
    "images.failed": "no raw images could be preserved: {reason}",
    "labels.asked": "{open} label tasks wait for a person",
    "label.given": "a label came, with {instances} packages",
    "labelled": "{labels} labels are enough",
    "slice.kept": "slice {slice}: {frames} frames will judge",
    "slice.frozen": "slice {slice} is frozen for ever",
    "deck.built": "deck of {frames} frames, {new} of them new",
    "trained": "a challenger was trained: {subject}",
    "tempered": "a challenger that gives up some of it: {subject}",
    "gate.pass": "the gate lets {subject} pass",
    "gate.fail": "the gate refuses {subject}: {reasons}",
    "gate.inconclusive": "the gate cannot say of {subject}: {reasons}",
    "release.opened": "release of {model} begins: {stage}",
    "release.pass": "release of {model} goes on: {stage}",
    "release.fail": "release of {model} is taken back: {reasons}",
    "release.rolled_back": "release of {model} is taken back: {reasons}",
    "release.inconclusive": "release of {model} needs more picks: {stage}",
    "champion.changed": "{subject} is champion",
    "round.failed": "a round failed, and will be tried again: {reason}",
    "history.remembered": "history: {judging} pictures judge, in slice {slice}; {teaching} teach",
    "kind.named": "{actor} named a new kind: {subject}",
}


class Teller:
    """Logs what the audit log gains from now on, and now and then what was taken in.

    Args:
        catalogue: Has the audit log.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._audit = catalogue.audit
        self._after = self._audit.last()
        self._counted: Counter[str] = Counter()
        self._next = time.monotonic() + _EVERY_S

    def drained(self, moved: Drained) -> None:
        """Count what was moved from the inbox."""
        self._counted.update(vars(moved))

    def watched(self, number: int) -> None:
        """Count observations that were watched."""
        self._counted["watched"] += number

    def tell(self, now: bool = False) -> None:
        """Log what is new; counts every ten seconds, or ``now``."""
        for number, row in self._audit.after(self._after, _AT_ONCE):
            self._after = number
            _log.info(said(row), extra={"told": {"action": row.action, "subject": row.subject}})
        if self._counted.total() and (now or time.monotonic() >= self._next):
            self._next = time.monotonic() + _EVERY_S
            counted, self._counted = self._counted, Counter()
            _log.info(
                "taken in: %d observations, %d outcomes, %d late pictures, %d rejected; %d watched",
                *(counted[name] for name in (
                    "observations", "outcomes", "pictures", "rejected", "watched")),
                extra={"told": dict(counted)},
            )  # fmt: skip


def said(row: AuditRow) -> str:
    """Return a row of the audit log as a line for a person."""
    fields = {**row.detail, "actor": row.actor, "subject": _short(row.subject)}
    fields |= {name: _short(fields[name]) for name in ("model",) if name in fields}
    if "reasons" in fields:
        fields["reasons"] = " ".join(str(reason) for reason in row.detail["reasons"])
    try:
        line = _SAID[row.action].format(**fields)
    except KeyError:  # a step of another version, or none that this tells of
        line = f"{row.action} {fields['subject']}"
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def progress_of(function: str, every_s: float = _EVERY_S) -> Callable[[Mapping[str, Any]], None]:
    """Return what logs a heavy job's progress, every ten seconds or as often as asked."""
    name, last = function.rpartition(":")[2].replace("_", " "), [time.monotonic()]

    def tell(told: Mapping[str, Any]) -> None:
        if time.monotonic() - last[0] < every_s:
            return
        last[0] = time.monotonic()
        parts = ", ".join(f"{key} {_number(value)}" for key, value in told.items())
        _log.info("%s: %s", name, parts, extra={"told": {"function": function, **told}})

    return tell


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _short(id: Any) -> str:
    return str(id)[:13]
