"""Tickets as the workspace keeps them, with the camera's view before the fault and in it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from januscl.core import Frame, Observation, Signal, Ticket
from januscl.store import Workspace
from januscl.triage import FaultDesk
from januscl.watch import EProcess


class Tickets:
    """Opens tickets for faults that persist and closes them when cameras are well again.

    Args:
        workspace: Keeps the tickets; those that an earlier process left open go on.
        on_ticket: Called when a ticket opens or closes.
    """

    def __init__(self, workspace: Workspace, on_ticket: Callable[[Ticket], None]) -> None:
        self._workspace, self._on_ticket = workspace, on_ticket
        self._desk = FaultDesk(EProcess, tickets=workspace.catalogue.tickets.list())
        self._well: dict[str, Observation] = {}
        self._owed: list[tuple[Ticket, Frame]] = []

    @property
    def cameras(self) -> set[str]:
        """Those with an open ticket."""
        return {ticket.camera for ticket in self._desk.tickets if ticket.closed is None}

    def quarantines(self, camera: str, at: datetime) -> bool:
        """Say whether a frame is kept out of all learning; see `FaultDesk.quarantines`."""
        return self._desk.quarantines(camera, at)

    def well(self, observation: Observation) -> None:
        """Remember how a camera that is well looks, for the picture of before a fault."""
        self._well[observation.frame.camera] = observation

    def judge(
        self,
        observation: Observation,
        cause: Signal | None,
        began: datetime | None,
        beside: Sequence[Signal],
    ) -> tuple[Ticket, ...]:
        """Take a frame whose camera was read; return the tickets that opened or closed by it.

        Args:
            observation: The frame.
            cause: The camera's main cause, or None where it is well.
            began: When the cause was there first, where that is known.
            beside: The readings of the model's watchers, of the same frame.

        Raises:
            InvalidInput: It is older than a frame of the camera that came before.
        """
        frame = observation.frame
        changed = self._desk.update(frame.camera, frame.robot, frame.at, cause, began, beside)
        self._owed += [(ticket, frame) for ticket in changed]
        return changed

    def keep(self) -> None:
        """Keep the tickets that opened or closed since, in this order, and tell of them.

        What fails is tried again when this is called the next time.
        """
        while self._owed:
            kept = self._keep(*self._owed[0])
            self._owed.pop(0)
            self._on_ticket(kept)

    def _keep(self, ticket: Ticket, frame: Frame) -> Ticket:
        if ticket.closed is None:
            well = self._well.get(ticket.camera)
            ticket = replace(
                ticket,
                before=None if well is None else self._workspace.put_image(well.frame.image),
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
        return ticket
