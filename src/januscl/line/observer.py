"""The watching half of the line: observations in; tickets, events and novelties out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    UNEXPLAINED,
    Cell,
    Event,
    EventKind,
    Frame,
    Image,
    Instances,
    InvalidInput,
    NotFound,
    Observation,
    Pick,
    Rle,
    Signal,
    Ticket,
    new_id,
)
from januscl.line.checks import check_length
from januscl.line.policy import Watching
from januscl.line.reference import keep_reference, recall_cameras
from januscl.store import Workspace
from januscl.triage import FaultDesk, classify
from januscl.watch import (
    CameraHealth,
    EProcess,
    InstanceNovelty,
    ScoreMargin,
    UnexplainedForeground,
    is_blank,
    main_cause,
)

TicketHandler = Callable[[Ticket], None]
Embeddings = NDArray[np.float32]
Describe = Callable[[str, Image, Sequence[Rle]], Embeddings]
T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting:
    """An observation that waits for its pick.

    Attributes:
        look: Its number among the looks of its robot.
    """

    seen: Observation
    signals: list[Signal]
    cause: Signal | None
    look: int


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
    ) -> None:
        self._workspace = workspace
        self._policy = policy
        self._on_known, self._describe = on_known, describe
        self._on_report, self._on_ticket = on_report, on_ticket
        self._rng = np.random.default_rng(policy.seed)
        self._desk = FaultDesk(EProcess, tickets=workspace.catalogue.tickets.list())
        self._health: dict[str, CameraHealth] = {}
        self._foreground: dict[str, UnexplainedForeground] = {}
        self._reference: dict[str, list[Observation]] = defaultdict(list)
        self._models: dict[str, tuple[InstanceNovelty, ScoreMargin]] = {}
        self._known: dict[str, list[Observation]] = defaultdict(list)
        self._working = [cell.camera for cell in cells if not cell.station]
        self._watched = self._working if policy.cameras else []
        self._pending: dict[str, _Waiting] = {}
        self._length: int | None = None
        self._looks: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._well: dict[str, Observation] = {}
        under_ticket = {t.camera for t in self._desk.tickets if t.closed is None}
        self._health |= recall_cameras(workspace, under_ticket & set(self._watched))
        self._provisional = set(self._health)
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
        check_length(instances, whose, self._length)
        if id is None:
            id = new_id(frame.at, self._rng.bytes(10))
        elif self._came_before(id, frame, instances, model):
            return id
        observation = Observation(id, frame, instances, model)
        observation = self._tried("depth", self._with_unexplained, observation) or observation
        camera = self._tried("picture", self._camera_signals, observation)
        signals = [] if camera is None else [*camera, *self._model_signals(observation)]
        cause = main_cause(camera or [])
        if self._rng.random() < self._policy.ordinary_share:
            self._workspace.keep(observation)
        else:
            self._workspace.catalogue.observations.add(observation)
        if camera is not None and cause is None:
            self._well[frame.camera] = observation
        if camera:
            for ticket in self._tried("time", self._tell_desk(cause), observation) or ():
                self._keep_ticket(ticket, frame)
        self._await_pick(observation, signals, cause)
        return id

    def awaits(self, observation: str) -> bool:
        """Say whether an observation waits for its pick."""
        return observation in self._pending

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
        waiting = self._pending.pop(observation, None)
        if waiting is None:
            return
        seen = replace(waiting.seen, pick=pick)
        event = classify(seen, waiting.signals, waiting.cause)
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
        watchers = (InstanceNovelty().fit(known), ScoreMargin().fit(known))
        embeddings = _embeddings(known)
        self._length = embeddings.shape[1]
        self._on_known(model, embeddings)
        self._models[model] = watchers
        self._known.pop(model, None)

    def watches(self, model: str) -> bool:
        """Say whether the model's embeddings of known kinds were learned."""
        return model in self._models

    def _came_before(self, id: str, frame: Frame, instances: Instances, model: str) -> bool:
        """Say whether an observation is known; one that contradicts what is kept is refused."""
        catalogue = self._workspace.catalogue
        try:
            catalogue.observations.get(id)
        except NotFound:
            return False
        catalogue.observations.add(Observation(id, frame, instances, model))
        return True

    def _tried(
        self, what: str, read: Callable[[Observation], T], observation: Observation
    ) -> T | None:
        """Return what a watcher reads of an observation; None where it cannot, and say so once."""
        camera = observation.frame.camera
        subject = f"{what} of camera {camera}"
        try:
            value = read(observation)
        except Exception as error:  # whatever it is, the robot goes on
            if subject not in self._failing:
                self._failing.add(subject)
                thing = f"{subject} from observation {observation.id} on"
                reason = f"{type(error).__name__}: {error}"
                self._workspace.catalogue.rejects.add(thing, reason, at=observation.frame.at)
            return None
        self._failing.discard(subject)
        return value

    def _camera_signals(self, observation: Observation) -> list[Signal]:
        """Return the camera's readings; none while it is new, or where none are asked for."""
        camera = observation.frame.camera
        health = self._health.get(camera)
        signals = [] if health is None else health.score(observation)
        learns = health is None or camera in self._provisional
        barred = main_cause(signals) or self._desk.quarantines(camera, observation.frame.at)
        if learns and camera in self._watched and not barred:
            self._learn_camera(camera, observation)
        return signals

    def _learn_camera(self, camera: str, observation: Observation) -> None:
        image, reference = observation.frame.image, self._reference[camera]
        if is_blank(image):
            raise InvalidInput(
                f"first frames of camera {camera}",
                "pictures that show something",
                "a blank one",
                "Look at its lens, its light and its cable; it is learned once it sees.",
            )
        if reference and reference[0].frame.image.shape != image.shape:
            former = reference[0].frame
            self._reference[camera] = [observation]
            raise InvalidInput(
                f"first frames of camera {camera}",
                f"all of {former.height} x {former.width} px",
                f"{image.shape[0]} x {image.shape[1]} px",
                "Keep its resolution; it is learned anew from this frame on.",
            )
        reference.append(observation)
        if len(reference) < self._policy.reference_frames:
            return
        del self._reference[camera]
        self._provisional.discard(camera)
        self._learn_empty_bin(camera, reference)
        if camera in self._foreground:
            seen = [self._tried("depth", self._with_regions, o) or o for o in reference]
            self._health[camera] = CameraHealth().fit(seen)
        else:
            self._health[camera] = CameraHealth().fit(reference)
        keep_reference(self._workspace, camera, reference)

    def _learn_empty_bin(self, camera: str, reference: list[Observation]) -> None:
        if self._describe is None or all(o.frame.depth is None for o in reference):
            return
        foreground = self._tried(
            "empty bin", lambda _: UnexplainedForeground().fit(reference), reference[-1]
        )
        if foreground is not None:
            self._foreground[camera] = foreground

    def _with_regions(self, observation: Observation) -> Observation:
        """Return the observation with what is unexplained in it, but without embeddings."""
        frame, seen = observation.frame, observation.instances
        regions = self._foreground[frame.camera].regions(frame, seen)
        nameless = np.zeros((len(regions), 0), np.float32)
        seen = replace(seen, embeddings=None).with_unexplained(regions, nameless)
        return replace(observation, instances=seen)

    def _model_signals(self, observation: Observation) -> list[Signal]:
        """Return the readings of the model's watchers; while the model is new, learn instead."""
        model, frame = observation.model, observation.frame
        if model in self._models:
            readings = (
                self._tried(f"{watcher.name} by model {model}", watcher.score, observation)
                for watcher in self._models[model]
            )
            return [signal for reading in readings for signal in reading or ()]
        if self._desk.quarantines(frame.camera, frame.at):
            return []
        self._known[model].append(observation)
        if len(self._known[model]) >= self._policy.reference_frames * max(1, len(self._working)):
            self._tried(f"reference of model {model}", self._learn_at_work, observation)
        return []

    def _learn_at_work(self, last: Observation) -> None:
        """Learn a model from the fleet's own frames; where they do not do, from later ones.

        Cameras were new when these frames came, so what is unexplained in them is found now: what
        the model always was blind to is no news.
        """
        known = self._known[last.model]
        self._known[last.model] = known[len(known) // 2 :]
        explained = (self._tried("depth", self._with_unexplained, seen) or seen for seen in known)
        self.learn_model(last.model, list(explained))

    def _with_unexplained(self, observation: Observation) -> Observation:
        """Return the observation with what stands out of the bin and the model did not see."""
        frame, seen = observation.frame, observation.instances
        watcher = self._foreground.get(frame.camera)
        known = UNEXPLAINED in seen.labels
        if known or watcher is None or self._describe is None:
            return observation
        regions = watcher.regions(frame, seen)
        if not regions:
            return observation
        embeddings = self._describe(observation.model, frame.image, regions)
        return replace(observation, instances=seen.with_unexplained(regions, embeddings))

    def _tell_desk(self, cause: Signal | None) -> Callable[[Observation], tuple[Ticket, ...]]:
        return lambda seen: self._desk.update(
            seen.frame.camera, seen.frame.robot, seen.frame.at, cause
        )

    def _await_pick(
        self, observation: Observation, signals: list[Signal], cause: Signal | None
    ) -> None:
        """Wait for the pick, but no longer for those that the robot has looked past."""
        robot = observation.frame.robot
        self._looks[robot] += 1
        look = self._looks[robot]
        self._pending[observation.id] = _Waiting(observation, signals, cause, look)
        for id, waiting in list(self._pending.items()):
            if waiting.seen.frame.robot == robot and look - waiting.look >= self._policy.await_pick:
                self.settle(id)

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
            seen.instances.embeddings[seen.instances.counted()]
            for seen in known
            if seen.instances.embeddings is not None
        ]
    )
