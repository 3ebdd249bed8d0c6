"""``janus status``, ``events``, ``tickets`` and the like: what a workspace holds."""

from typing import Annotated

import typer

from januscl.cli.ended import ended_run
from januscl.cli.options import (
    DEFAULT_WORKSPACE,
    JsonOption,
    LimitOption,
    WorkspaceOption,
    chosen,
    existing,
)
from januscl.cli.output import print_facts, print_json, print_rows
from januscl.cli.unwatched import backlog, named, nothing_yet, tell_unwatched, unwatched
from januscl.core import EventKind, NotFound, Novelty, NoveltyState
from januscl.line.telling.world import scope_of, warming_up, world_changes
from januscl.store import Workspace

_CHANGES = 20


def status(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """Show what a workspace holds: observations, open tickets, novelties, champion, releases."""
    with existing(workspace) as opened:
        catalogue = opened.catalogue
        counts = catalogue.observations.counts()
        aliases = catalogue.aliases.list()
        novelties = catalogue.novelties.list()
        changes, warming = world_changes(opened)[:_CHANGES], warming_up(opened)
        facts = {
            "observations": counts.pop("observations"),
            "pictures": counts.pop("pictures"),
            "picks": counts,
            "open_tickets": len(catalogue.tickets.list(open_only=True)),
            "novelties": [{"id": n.id, "name": n.name, "state": n.state} for n in novelties],
            "champion": aliases.get("champion"),
            "decks": len(catalogue.decks.list()),
            "slices": [part.name for part in catalogue.slices.list()],
            "open_releases": [r.id for r in catalogue.releases.list(open_only=True)],
            "rejects": len(catalogue.rejects.list()),
            "changes": changes,
            "warming_up": warming,
            "ended": ended_run(opened),
        }
        waiting = backlog(opened)
        told = None if waiting is None else waiting.unwatched(named(opened.folder))
    if json:
        print_json({**facts, "waiting": waiting, "unwatched": told})
        return
    run = facts.pop("ended")
    facts["changes"] = [str(change) for change in changes]
    if facts.pop("warming_up"):
        facts["changes_not_told"] = f"of {', '.join(warming)}: what is usual there is being learned"
    if run is not None:
        facts["run"] = f"`{run}` has ended: what is unfinished stays so"
    # Two may have one name, as long as nobody has told what they show.
    standing = [f"{n.name} {_standing(n, run is not None)}" for n in novelties]
    if waiting is not None and (waiting.notices or waiting.given_up):
        facts["notices"] = {
            **{f"to {name}: waiting": number for name, number in waiting.notices.items()},
            "given up (see `janus rejects`)": waiting.given_up,
        }
    if told is not None:
        facts["waiting"] = told
    elif waiting is not None and waiting.observations:
        facts["observations_under_way"] = waiting.observations  # or awaiting their pick
    print_facts({**facts, "novelties": standing})


def _standing(novelty: Novelty, ended: bool) -> str:
    """Return where a novelty stands; of one that a run left open, that it goes no further."""
    over = novelty.state in (NoveltyState.CLOSED, NoveltyState.DISMISSED)
    return str(novelty.state) if over or not ended else f"unfinished ({novelty.state})"


def events(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    kind: Annotated[
        EventKind | None,
        typer.Option(
            parser=chosen(EventKind),
            metavar="KIND",
            help="Only events of this kind: fault, novelty or ambiguous.",
        ),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Only events of this camera.")] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List observations out of the ordinary, newest first, with what they are taken for."""
    with existing(workspace) as opened:
        if camera is not None:
            _check_camera(opened, camera)
        found = opened.catalogue.events.list(
            kind=kind, camera=camera, limit=limit, newest_first=True
        )
        diagnosed = opened.catalogue.diagnoses.of(event.observation for event in found)
        waiting = unwatched(opened)
    rows = [
        {
            "id": event.id,
            "observation": event.observation,
            "at": event.at,
            "camera": event.camera,
            "kind": event.kind,
            "cause": event.cause,
            "outcome": event.outcome,
            "diagnosis": why.diagnosis if why is not None else None,
            "why": why.evidence if why is not None else None,
            "evidence": event.signals[0].evidence if event.signals else "",
        }
        for event, why in ((event, diagnosed.get(event.observation)) for event in found)
    ]
    print_rows(
        "Events",
        rows,
        json,
        nothing_yet(waiting, "No events: all that was seen is ordinary."),
        json_only=("id", "observation", "why"),
        sentences=("evidence",),
    )
    tell_unwatched(waiting if found or json else None)


def _check_camera(workspace: Workspace, camera: str) -> None:
    known = sorted(cell.camera for cell in workspace.catalogue.cells.list())
    if camera not in known:
        there = f"there are {', '.join(known)}" if known else "there is none at all yet"
        raise NotFound(f"there is no camera {camera!r} in this workspace; {there}")


def tickets(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    open_only: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
    json: JsonOption = False,
) -> None:
    """List the faults that were handed to technicians."""
    with existing(workspace) as opened:
        found = opened.catalogue.tickets.list(open_only=open_only)
        waiting = unwatched(opened)
    rows = [
        {
            "id": ticket.id,
            "camera": ticket.camera,
            "cause": ticket.cause,
            "began": ticket.began,
            "opened": ticket.opened,
            "closed": ticket.closed,
            "evidence": ticket.evidence,
        }
        for ticket in found
    ]
    print_rows(
        "Tickets",
        rows,
        json,
        nothing_yet(waiting, "No tickets: every camera is well."),
        json_only=("id", "began"),
        sentences=("evidence",),
    )
    tell_unwatched(waiting if found or json else None)


def novelties(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List the novelties, those that cost most picks first."""
    with existing(workspace) as opened:
        found = opened.catalogue.novelties.list()
        cells = opened.catalogue.cells.list()
        waiting = unwatched(opened)
    rows = [
        {
            "id": novelty.id,
            "rank": rank,
            "name": novelty.name,
            "state": novelty.state,
            "lost_picks_a_day": novelty.cost,
            "instances": novelty.instances,
            "robots": novelty.robots,
            "scope": scope_of(novelty.robots, cells),
            "first_seen": novelty.first_seen,
            "last_seen": novelty.last_seen,
        }
        for rank, novelty in enumerate(found, start=1)
    ]
    print_rows(
        "Novelties",
        rows,
        json,
        nothing_yet(waiting, "No novelties: nothing recurs that the model does not know."),
        json_only=("id", "rank", "first_seen", "scope"),
    )
    tell_unwatched(waiting if found or json else None)


def rejects(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List what came in and was not accepted, newest first, with the reason."""
    with existing(workspace) as opened:
        found = opened.catalogue.rejects.list()[: -limit - 1 : -1]
    rows = [
        {"at": row.at, "thing": row.thing, "reason": row.reason, "blob": row.blob} for row in found
    ]
    print_rows(
        "Rejects",
        rows,
        json,
        "No rejects: all that came in was accepted.",
        json_only=("blob",),
        sentences=("thing", "reason"),
    )


def audit(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT",
            help="Id of a thing, or the start of it, or a novelty's name; all when omitted.",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List the steps of the loop, newest first: who or what did which, to what, and why."""
    with existing(workspace) as opened:
        found = opened.catalogue.audit.list()
        named = {n.id for n in opened.catalogue.novelties.list() if n.name == subject}
    if subject is not None:
        found = [row for row in found if row.subject in named or row.subject.startswith(subject)]
        if not found:
            raise NotFound(
                f"no step was taken with anything whose id begins with {subject!r}, nor with a "
                "novelty of that name"
            )
    rows = [
        {
            "at": row.at,
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "detail": row.detail,
        }
        for row in found[: -limit - 1 : -1]
    ]
    print_rows("Audit", rows, json, "No steps yet: nothing was decided.", sentences=("detail",))


def labels(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List the open label tasks, oldest first: frames that wait for the truth."""
    with existing(workspace) as opened:
        found = opened.catalogue.label_tasks.pending()
        names = {novelty.id: novelty.name for novelty in opened.catalogue.novelties.list()}
    rows = [
        {
            "id": task.id,
            "observation": task.observation,
            "novelty": task.novelty,
            "for": names.get(task.novelty or "", task.novelty),
            "proposals": len(task.proposals),
            "image": task.image,
        }
        for task in found
    ]
    print_rows(
        "Label tasks",
        rows,
        json,
        "No open label tasks: all that was asked is answered.",
        json_only=("novelty", "image"),
    )
