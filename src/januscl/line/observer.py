"""The watching half of the line: observations in; tickets, events and novelties out."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    Cell,
    Event,
    EventKind,
    Frame,
    Image,
    Instances,
    InvalidInput,
    Observation,
    Pick,
    Rle,
    Signal,
    Ticket,
    new_id,
)
from januscl.line.policy import Watching
from januscl.store import Workspace
from januscl.triage import FaultDesk, classify
from januscl.watch import (
    CameraHealth,
    EProcess,
    InstanceNovelty,
    ScoreMargin,
    UnexplainedForeground,
    main_cause,
)

TicketHandler = Callable[[Ticket], None]
Embeddings = NDArray[np.float32]
Describe = Callable[[str, Image, Sequence[Rle]], Embeddings]
_SURE = 0.3


class Observer:
    """Watches every camera and model of a fleet, and keeps what it finds in a workspace.

    A camera is watched once it has shown enough healthy frames; a model once its embeddings of
    known kinds were seen (`learn_model`, or the fleet's own first frames).

    Args:
        workspace: Keeps observations, events and tickets.
        cells: The fleet.
        policy: When a camera is known, and which pixels are kept.
        on_report: Called with each observation whose pick was reported, and the event that
            triage made of it, if any.
        on_ticket: Called when a ticket opens or closes.
        on_known: Called when it was learned what known kinds look like to a model, with the
            model's id and their embeddings ``(M, D)``.
        describe: Returns a model's embeddings ``(N, D)`` of regions of a picture, given the
            model's id; without it nothing is looked for that the model does not see.
        seed: Of the random share of kept pixels and of the ids.
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
        seed: int = 0,
    ) -> None:
        self._workspace = workspace
        self._policy = policy
        self._on_known, self._describe = on_known, describe
        self._on_report, self._on_ticket = on_report, on_ticket
        self._rng = np.random.default_rng(seed)
        self._desk = FaultDesk(EProcess, tickets=workspace.catalogue.tickets.list())
        self._health: dict[str, CameraHealth] = {}
        self._foreground: dict[str, UnexplainedForeground] = {}
        self._reference: dict[str, list[Observation]] = defaultdict(list)
        self._models: dict[str, tuple[InstanceNovelty, ScoreMargin]] = {}
        self._known: dict[str, list[Observation]] = defaultdict(list)
        self._working = [cell.camera for cell in cells if not cell.station]
        self._watched = self._working if policy.cameras else []
        self._pending: dict[str, tuple[Observation, list[Signal], Signal | None]] = {}
        self._well: dict[str, Observation] = {}
        for cell in cells:
            workspace.catalogue.cells.put(cell)

    def observe(self, frame: Frame, instances: Instances, model: str) -> str:
        """Take in a frame and what a model saw in it; return the observation's id."""
        id = new_id(frame.at, self._rng.bytes(10))
        observation = self._with_unexplained(Observation(id, frame, instances, model))
        signals = self._signals(observation)
        cause = main_cause([s for s in signals if s.watcher.startswith("camera.")])
        ordinary = bool(self._rng.random() < self._policy.ordinary_share)
        if ordinary:
            self._workspace.keep(observation)
        else:
            self._workspace.catalogue.observations.add(observation)
        if cause is None:
            self._well[frame.camera] = observation
        if frame.camera in self._health:
            for ticket in self._desk.update(frame.camera, frame.robot, frame.at, cause):
                self._keep_ticket(ticket, frame)
        self._pending[id] = (observation, signals, cause)
        return id

    def report(self, observation: str, pick: Pick) -> None:
        """Take in the outcome of the pick made on an observation, and triage both together."""
        self._workspace.catalogue.observations.report(observation, pick)
        self.settle(observation, pick)

    def settle(self, observation: str, pick: Pick | None = None) -> None:
        """Triage an observation as it stands; without a pick where none will be made."""
        waiting = self._pending.pop(observation, None)
        if waiting is None:
            return
        seen, signals, cause = waiting
        seen = replace(seen, pick=pick)
        event = classify(seen, signals, cause)
        if event is not None:
            if event.kind is not EventKind.FAULT:
                self._workspace.keep(seen)
            self._workspace.catalogue.events.add(event)
        self._on_report(seen, event)

    def learn_model(self, model: str, known: Sequence[Observation]) -> None:
        """Learn what the known kinds look like to a model before it is watched at work.

        Raises:
            InvalidInput: They hold too few instances with embeddings.
        """
        self._models[model] = (InstanceNovelty().fit(known), ScoreMargin().fit(known))
        self._on_known(model, _embeddings(known))

    def watches(self, model: str) -> bool:
        """Say whether the model's embeddings of known kinds were learned."""
        return model in self._models

    def _signals(self, observation: Observation) -> list[Signal]:
        """Return all readings; while camera or model are new, learn instead."""
        camera, model = observation.frame.camera, observation.model
        signals: list[Signal] = []
        if camera in self._health:
            signals += self._health[camera].score(observation)
        elif camera in self._watched:
            self._reference[camera].append(observation)
            if len(self._reference[camera]) >= self._policy.reference_frames:
                self._learn_camera(camera, self._reference.pop(camera))
        if model in self._models:
            for watcher in self._models[model]:
                signals += watcher.score(observation)
        else:
            self._known[model].append(observation)
            enough = self._policy.reference_frames * len(self._working)
            if len(self._known[model]) >= enough:
                self._learn_at_work(model, self._known.pop(model))
        return signals

    def _learn_camera(self, camera: str, reference: list[Observation]) -> None:
        self._health[camera] = CameraHealth().fit(reference)
        if self._describe is not None and all(o.frame.depth is not None for o in reference):
            self._foreground[camera] = UnexplainedForeground().fit(reference)

    def _with_unexplained(self, observation: Observation) -> Observation:
        """Return the observation with what stands out of the bin and the model did not see."""
        frame, seen = observation.frame, observation.instances
        watcher = self._foreground.get(frame.camera)
        if watcher is None or self._describe is None:
            return observation
        regions = watcher.regions(frame, seen)
        if not regions:
            return observation
        embeddings = self._describe(observation.model, frame.image, regions)
        return replace(observation, instances=seen.with_unexplained(regions, embeddings))

    def _learn_at_work(self, model: str, known: list[Observation]) -> None:
        """Learn a model from the fleet's own frames; too few instances in them, and go on.

        Cameras were new when these frames came, so what is unexplained in them is found now: what
        the model always was blind to is no news.
        """
        try:
            self.learn_model(model, [self._with_unexplained(seen) for seen in known])
        except InvalidInput:
            self._known[model] = known[len(known) // 2 :]

    def _keep_ticket(self, ticket: Ticket, frame: Frame) -> None:
        """Keep a ticket with the camera's view before the fault and now."""
        if ticket.closed is None:
            ticket = replace(
                ticket,
                before=self._view_before(ticket),
                after=self._workspace.put_image(frame.image),
            )
        else:
            kept = self._workspace.catalogue.tickets.get(ticket.id)
            ticket = replace(ticket, before=kept.before, after=kept.after)
        with self._workspace.catalogue.transaction() as tx:
            tx.tickets.put(ticket)
            tx.audit.record(
                "triage",
                "ticket.closed" if ticket.closed else "ticket.opened",
                ticket.id,
                {"camera": ticket.camera, "cause": ticket.cause, "evidence": ticket.evidence},
                frame.at,
            )
        self._on_ticket(ticket)

    def _view_before(self, ticket: Ticket) -> str | None:
        """Return the digest of the camera's last healthy picture."""
        well = self._well.get(ticket.camera)
        return None if well is None else self._workspace.put_image(well.frame.image)


def _embeddings(known: Sequence[Observation]) -> Embeddings:
    """Return the embeddings ``(M, D)`` of all instances that the model is halfway sure of."""
    return np.concatenate(
        [
            seen.instances.embeddings[seen.instances.counted(_SURE)]
            for seen in known
            if seen.instances.embeddings is not None
        ]
    )
