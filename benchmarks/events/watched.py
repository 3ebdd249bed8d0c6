"""One episode seen by the line's own observer and ledger, and what they made of each frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from events.clips import SECONDS_A_FRAME, Moment
from januscl.core import Cell, Event, Observation
from januscl.line.novelties import NoveltyLedger
from januscl.line.observer import Describe, Observer
from januscl.line.policy import Collecting, Watching
from januscl.store import Workspace

MODEL = "model"


@dataclass(frozen=True)
class Judged:
    """What became of one frame.

    Attributes:
        camera: Which one.
        faulty, wrong, novel: What is true of it; see `Moment`.
        kind, cause: Of its event; empty for none.
        free: Whether a deck could draw it: no ticket covers it.
        drawn: Whether a novelty's campaign could ask for it: free, and a member of a novelty.
    """

    camera: str
    faulty: bool
    wrong: bool
    novel: bool
    kind: str
    cause: str
    free: bool
    drawn: bool


@dataclass(frozen=True)
class Told:
    """What was made of an episode.

    Attributes:
        frames: Those after the references, in order of time.
        tickets: Camera, cause, and in frames from the first one judged to the opening of each.
        novelties: Of each novelty: its members, and how many of them really are of one.
    """

    frames: tuple[Judged, ...]
    tickets: tuple[tuple[str, str, float], ...]
    novelties: tuple[tuple[int, int], ...]


def watch(
    references: Sequence[Sequence[Moment]],
    clips: Sequence[Sequence[Moment]],
    known: Sequence[Observation],
    describe: Describe,
    seed: int,
) -> Told:
    """Let an observer learn the cameras and the model, then judge the clips, one of each camera."""
    cells = [
        Cell(moments[0].frame.robot, moments[0].frame.camera, "line", "site")
        for moments in references
    ]
    events: dict[str, Event | None] = {}
    with TemporaryDirectory() as folder, Workspace.open(Path(folder) / "w") as workspace:
        ledger = NoveltyLedger(workspace, Collecting(), len(cells) * 86400 / SECONDS_A_FRAME, seed)

        def take(seen: Observation, event: Event | None) -> None:
            events[seen.id] = event
            ledger.take(seen, event)

        observer = Observer(
            workspace, cells, Watching(seed=seed), on_report=take, on_known=ledger.know,
            describe=describe,
        )  # fmt: skip
        observer.learn_model(MODEL, known)
        _work(observer, references)
        judged = _work(observer, clips)
        return _told(workspace, judged, events)


def _work(observer: Observer, clips: Sequence[Sequence[Moment]]) -> list[tuple[str, Moment]]:
    """Return the observations' ids with their moments, tick by tick."""
    told = []
    for tick in range(max(len(moments) for moments in clips)):
        for moments in clips:
            if tick < len(moments):
                moment = moments[tick]
                id = observer.observe(moment.frame, moment.seen, MODEL)
                observer.report(id, moment.pick)
                told.append((id, moment))
    return told


def _told(
    workspace: Workspace, judged: Sequence[tuple[str, Moment]], events: dict[str, Event | None]
) -> Told:
    catalogue = workspace.catalogue
    truth = dict(judged)
    barred = catalogue.observations.quarantined(truth)
    members = [catalogue.novelties.members(n.id) for n in catalogue.novelties.list()]
    sought = {id for group in members for id, _ in group}
    start = judged[0][1].frame.at
    return Told(
        tuple(
            _judged(id, moment, events[id], id not in barred, id in sought) for id, moment in judged
        ),
        tuple(
            (t.camera, t.cause, (t.opened - start).total_seconds() / SECONDS_A_FRAME)
            for t in catalogue.tickets.list()
        ),
        tuple(
            (len(group), sum(_is_novel(truth, id, row) for id, row in group)) for group in members
        ),
    )


def _judged(id: str, moment: Moment, event: Event | None, free: bool, sought: bool) -> Judged:
    return Judged(
        moment.frame.camera,
        moment.faulty,
        moment.wrong,
        moment.novel,
        "" if event is None else event.kind.value,
        "" if event is None else event.cause,
        free,
        free and sought,
    )


def _is_novel(truth: dict[str, Moment], id: str, row: int) -> bool:
    """Say whether an instance is of a novelty; its frame decides where no mask covers it."""
    if id not in truth:
        return False
    moment = truth[id]
    return bool(moment.rows[row]) if row < len(moment.rows) else moment.novel
