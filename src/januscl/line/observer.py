"""The watching half of the line: observations in; tickets, events and novelties out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from januscl.core import (
    Cell,
    Event,
    EventKind,
    Frame,
    Instances,
    NotFound,
    Observation,
    Pick,
    Signal,
    Ticket,
    new_id,
)
from januscl.line.checks import check_length
from januscl.line.minutes import Minutes
from januscl.line.policy import Watching
from januscl.line.watching import (
    Bins,
    Cameras,
    Changes,
    Diagnoses,
    Embeddings,
    Models,
    Picks,
    Tickets,
    Tried,
)
from januscl.line.watching.bins import Describe
from januscl.store import Workspace
from januscl.triage import classify
from januscl.watch import main_cause

TicketHandler = Callable[[Ticket], None]


class Observer:
    """Watches every camera and model of a fleet, and keeps what it finds in a workspace.

    A camera is watched once it has shown enough healthy frames; a model once its embeddings of
    known kinds were seen (`learn_model`, or the fleet's own first frames). Blank frames are no
    reference, nor are frames under a ticket, and a camera that changes its resolution meanwhile
    begins again. A ticket that an earlier process left open is closed by what the camera looked
    like before it.

    No robot stops for what a watcher cannot read. Once a camera is known, a frame of another size
    is a fault, ``wrong_resolution``. Anything else goes to the workspace's rejects with its
    reason, once for each run of frames, and what could not be read of the frame is not judged:

    - its camera: no fault opens or closes by the frame, and its instances are not judged either;
    - its depth: nothing is looked for that the model does not see;
    - its instances, by one of the model's watchers: that watcher says nothing;
    - its failed pick, of which nobody says then what was wrong with the mask;
    - its readings, which are missing then in the camera's minute, or tell of no change;
    - its ticket, which is kept by the next frame instead;
    - its time, which lies before that of an earlier frame: no ticket opens or closes by it.

    Args:
        workspace: Keeps observations, events and tickets.
        cells: The fleet.
        policy: When a camera is known, which pixels are kept, and the seed of chance.
        on_report: Called with each observation once it was triaged, with its pick or without,
            and the event that triage made of it, if any.
        on_ticket: Called when a ticket opens or closes.
        on_known: Called when it was learned what known kinds look like to a model, with the
            model's id and their embeddings ``(M, D)``.
        describe: Returns a model's embeddings ``(N, D)`` of regions of a picture, given the
            model's id; without it nothing is looked for that the model does not see.
        changes: Tells a strange frame from a changed world; its own when omitted.
    """

    def __init__(
        self,
        workspace: Workspace,
        cells: Sequence[Cell],
        policy: Watching,
        on_report: Callable[[Observation, Event | None], None] = lambda observation, event: None,
        on_ticket: TicketHandler = lambda ticket: None,
        on_known: Callable[[str, Embeddings], None] = lambda model, known: None,
        describe: Describe | None = None,
        changes: Changes | None = None,
    ) -> None:
        self._workspace, self._policy, self._on_report = workspace, policy, on_report
        self._rng = np.random.default_rng(policy.seed)
        working = [cell.camera for cell in cells if not cell.station]
        frames = policy.reference_frames
        self._tried = Tried(workspace)
        self._bins = Bins(describe, self._tried)
        self._diagnoses = Diagnoses(workspace, self._bins, self._tried)
        self._tickets = Tickets(workspace, on_ticket)
        self._minutes = Minutes(workspace.catalogue)
        barred = self._tickets.quarantines
        watched = working if policy.cameras else []
        self._cameras = Cameras(
            workspace, watched, frames, barred, self._tickets.cameras, self._bins
        )
        self._models = Models(
            policy.novelty,
            frames * max(1, len(working)),
            barred,
            self._bins,
            self._tried,
            on_known,
        )
        self._changes = changes or Changes(workspace, cells, policy.seed or 0)
        self._picks = Picks(policy.await_pick, self.settle)
        for cell in cells:
            workspace.catalogue.cells.put(cell)

    def observe(self, frame: Frame, instances: Instances, model: str, id: str | None = None) -> str:
        """Take in a frame and what a model saw in it; return the observation's id.

        Args:
            frame: From one of the fleet's cameras.
            instances: What the model saw.
            model: Its id.
            id: As the robot made it; a new one when omitted. What comes again under an id that
                is known is not judged again.

        Raises:
            InvalidInput: The masks have another size than the frame, or the embeddings another
                length than the fleet's.
            Conflict: The id belongs to another frame.
        """
        whose = f"camera {frame.camera} by model {model}"
        check_length(instances, whose, self._models.length)
        if id is None:
            id = new_id(frame.at, self._rng.bytes(10))
        elif self._came_before(id, frame, instances, model):
            return id
        observation = self._bins.explained(Observation(id, frame, instances, model))
        camera = self._tried("picture", self._cameras.signals, observation)
        others = [] if camera is None else self._models.signals(observation)
        cause = main_cause(camera or [])
        if self._rng.random() < self._policy.ordinary_share:
            self._workspace.keep(observation)
        else:
            self._workspace.catalogue.observations.add(observation)
        if camera is not None and cause is None:
            self._tickets.well(observation)
        if camera:
            self._tried(
                "readings", lambda o: self._minutes.take(o.frame, camera, cause), observation
            )
            self._judge(observation, cause, others)
        if camera is not None:
            self._tried("change", lambda o: self._change(o, camera, others), observation)
        self._diagnoses.look(observation)
        self._picks.wait(observation, [*(camera or ()), *others], cause)
        return id

    def awaits(self, observation: str) -> bool:
        """Say whether an observation waits for its pick."""
        return observation in self._picks

    def report(self, observation: str, pick: Pick) -> None:
        """Take in the outcome of the pick made on an observation, and triage both together.

        An outcome that comes after the observation was settled is kept, but triaged no more.
        """
        self._workspace.catalogue.observations.report(observation, pick)
        self.settle(observation, pick)

    def settle(self, observation: str, pick: Pick | None = None) -> None:
        """Triage an observation as it stands; without a pick where none will be made.

        It happens by itself once the robot has looked `Watching.await_pick` times more.
        """
        waiting = self._picks.take(observation)
        if waiting is None:
            return
        seen = replace(waiting.seen, pick=pick)
        event = classify(seen, waiting.signals, waiting.cause)
        if event is not None:
            if event.kind is not EventKind.FAULT:
                self._workspace.keep(seen)
            self._workspace.catalogue.events.add(event)
        if waiting.cause is None:  # a camera at fault explains what its pictures led to
            self._diagnoses.take(seen, waiting.signals, waiting.after)
        self._on_report(seen, event)

    def learn_model(self, model: str, known: Sequence[Observation]) -> None:
        """Learn what the known kinds look like to a model before it is watched at work.

        Raises:
            InvalidInput: They hold too few instances with embeddings.
        """
        self._models.learn(model, known)

    def close(self) -> None:
        """Keep what was read of the minute that goes on; the observer may go on as well."""
        self._minutes.flush()

    def watches(self, model: str) -> bool:
        """Say whether the model's embeddings of known kinds were learned."""
        return self._models.watches(model)

    def _came_before(self, id: str, frame: Frame, instances: Instances, model: str) -> bool:
        """Say whether an observation is known; one that contradicts what is kept is refused."""
        catalogue = self._workspace.catalogue
        try:
            catalogue.observations.get(id)
        except NotFound:
            return False
        catalogue.observations.add(Observation(id, frame, instances, model))
        return True

    def _judge(
        self, observation: Observation, cause: Signal | None, others: Sequence[Signal]
    ) -> None:
        """Open and close tickets by a frame; none where its time is no good."""
        began = None if cause is None else self._cameras.began(observation.frame.camera, cause)
        changed = self._tried(
            "time", lambda seen: self._tickets.judge(seen, cause, began, others), observation
        )
        if changed:
            self._tried("quarantine", lambda _: self._bar(changed), observation)
        self._tried("ticket", lambda _: self._tickets.keep(), observation)

    def _bar(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._changes.quarantine(ticket)

    def _change(
        self, observation: Observation, camera: Sequence[Signal], others: Sequence[Signal]
    ) -> None:
        away = self._cameras.strangeness(observation.frame.camera, camera)
        self._changes.take(observation, away, others)
