"""Which rows of the audit log are told outside, and what is told of each."""

import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from januscl.core import NotFound, Stage
from januscl.core.wire import Json, canonical
from januscl.line.telling.notify.notice import TYPES, Notice
from januscl.line.telling.notify.trends import trend_now
from januscl.store import AuditRow, Catalogue

_ACTIONS = {
    "ticket.opened": "ticket.opened",
    "ticket.closed": "ticket.closed",
    "novelty.labelling": "novelty.labelling",
    "labelled": "novelty.labelled",
    "novelty.closed": "novelty.learned",
    "novelty.regressed": "novelty.regressed",
}
_ENDS: Mapping[str, str] = {
    Stage.ROLLED_BACK: "release.rolled_back",
    Stage.STOPPED: "release.stopped",
    Stage.DONE: "release.done",
}
_FIELDS = ("camera", "cause", "evidence", "name", "asked", "labels", "model", "stage", "reasons")
_LONGEST, _MOST = 500, 8
"""Bytes of a text as it is sent, and texts of a list: a body stays below 16 KiB."""
_ROUTINE = re.compile(r"routine-\d+")


def notice_of(number: int, row: AuditRow, catalogue: Catalogue) -> Notice | None:
    """Return what is told of a row of the audit log; None for most rows.

    Args:
        number: Of the row.
        row: The row.
        catalogue: Knows more of what the row is about, as it stands now.
    """
    type = _type_of(row)
    if type is None:
        return None
    about = {"ticket": _ticket, "novelty": _novelty, "release": _release}[type.partition(".")[0]]
    fields = {name: row.detail[name] for name in _FIELDS if name in row.detail}
    with suppress(NotFound):  # the audit log remembers more than the catalogue does
        fields = {**about(catalogue, row.subject), **fields}
    data = {"id": row.subject, **{name: _short(value) for name, value in fields.items()}}
    if type.startswith("novelty.") and _is_routine(row.subject, data.get("name"), catalogue):
        return None
    digest = sha256(canonical([number, row.at.isoformat(), row.action, row.subject])).hexdigest()
    return Notice(f"msg_{digest[:32]}", type, row.at, _said(type, data), data)


def _type_of(row: AuditRow) -> str | None:
    if row.action.startswith("release."):
        return _ENDS.get(row.detail.get("stage", ""))
    return _ACTIONS.get(row.action)


def _is_routine(id: str, name: object, catalogue: Catalogue) -> bool:
    """Say whether a record stands for a routine campaign: nothing new was seen."""
    if not isinstance(name, str) or not _ROUTINE.fullmatch(name):
        return False
    return all(row.action != "novelty.new" for row in catalogue.audit.list(subject=id))


def _ticket(catalogue: Catalogue, id: str) -> Json:
    ticket = catalogue.tickets.get(id)
    closed = None if ticket.closed is None else ticket.closed.isoformat()
    return {
        "robot": ticket.robot,
        "camera": ticket.camera,
        "began": ticket.began.isoformat(),
        "opened": ticket.opened.isoformat(),
        "closed": closed,
    }


def _novelty(catalogue: Catalogue, id: str) -> Json:
    novelty = catalogue.novelties.get(id)
    cost = novelty.cost
    return {
        "name": novelty.name,
        "instances": novelty.instances,
        "robots": list(novelty.robots),
        "lost_picks_a_day": {
            "expected": round(cost.expected, 2),
            "low": round(cost.low, 2),
            "high": round(cost.high, 2),
            "trend": str(trend_now(catalogue, id).trend),
        },
    }


def _release(catalogue: Catalogue, id: str) -> Json:
    release = catalogue.releases.get(id)
    return {"champion": release.champion, "novelty": release.novelty}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list):
        return [_short(one) for one in value[:_MOST]]
    return value


def _said(type: str, data: Mapping[str, Any]) -> str:
    fields = {name: data.get(name, "?") for name in (*_FIELDS, "id")}
    if fields["name"] == "?":
        fields["name"] = f"novelty {data['id'][:13]}"
    reasons = data.get("reasons", [])
    fields["reasons"] = " ".join(map(str, reasons)) or "no reason was given"
    return _cut(" ".join(TYPES[type].format(**fields).split()))


def _cut(text: str) -> str:
    if len(canonical(text)) <= _LONGEST:
        return text
    kept = text[:_LONGEST]
    while len(canonical(f"{kept}…")) > _LONGEST:
        kept = kept[:-1]
    return f"{kept}…"
