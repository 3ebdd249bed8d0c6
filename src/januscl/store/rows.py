"""From the words to table rows and back: the only place where the two meet."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from januscl.core import (
    Answer,
    Campaign,
    Cost,
    Deck,
    Event,
    EventKind,
    InvalidInput,
    Label,
    LabelTask,
    ModelVersion,
    Novelty,
    NoveltyState,
    Observation,
    Outcome,
    Pick,
    Release,
    Signal,
    Slice,
    SliceScore,
    Stage,
    StageReport,
    Ticket,
    Verdict,
)
from januscl.core.wire import (
    instances_from_json,
    instances_to_json,
    item_from_json,
    item_to_json,
    taxonomy_from_json,
    taxonomy_to_json,
)
from januscl.store.records import LabelRow, LabelTaskRow, ObservationRow, VerdictRow

Values = dict[str, Any]


def observation_values(
    observation: Observation, image: str | None, embeddings: str | None
) -> Values:
    """Return the row of an observation, but for its pick."""
    frame = observation.frame
    return {
        "id": observation.id,
        "robot": frame.robot,
        "camera": frame.camera,
        "at": frame.at,
        "height": frame.height,
        "width": frame.width,
        "model": observation.model,
        "instances": instances_to_json(observation.instances),
        "image": image,
        "embeddings": embeddings,
    }


def pick_values(observation: str, pick: Pick) -> Values:
    """Return the row of a pick."""
    x, y = pick.point if pick.point is not None else (None, None)
    return {
        "observation": observation,
        "instance": pick.instance,
        "x": x,
        "y": y,
        "outcome": pick.outcome,
        "at": pick.at,
    }


def pick_of(row: Row[Any]) -> Pick:
    """Return the pick of a row of the picks table."""
    point = None if row.x is None else (row.x, row.y)
    return Pick(row.instance, point, Outcome(row.outcome), row.at)


def observation_of(row: Row[Any]) -> ObservationRow:
    """Return the observation of a row joined with its pick (columns ``pick_*``)."""
    point = None if row.pick_x is None else (row.pick_x, row.pick_y)
    return ObservationRow(
        id=row.id,
        robot=row.robot,
        camera=row.camera,
        at=row.at,
        height=row.height,
        width=row.width,
        model=row.model,
        seen=row.instances,
        image=row.image,
        embeddings=row.embeddings,
        pick=None
        if row.pick_outcome is None
        else Pick(row.pick_instance, point, Outcome(row.pick_outcome), row.pick_at),
    )


def event_values(event: Event) -> Values:
    """Return the row of an event."""
    return {
        **_fields(event, "id", "observation", "camera", "robot", "at", "cause", "outcome"),
        "kind": EventKind(event.kind),
        "signals": [asdict(signal) for signal in event.signals],
        "instances": [int(index) for index in event.instances],
    }


def event_of(row: Row[Any]) -> Event:
    """Return the event of a row."""
    return Event(
        **_fields(row, "id", "observation", "camera", "robot", "at", "cause"),
        kind=EventKind(row.kind),
        signals=tuple(Signal(**signal) for signal in row.signals),
        instances=tuple(row.instances),
        outcome=None if row.outcome is None else Outcome(row.outcome),
    )


def ticket_values(ticket: Ticket) -> Values:
    """Return the row of a ticket.

    Raises:
        InvalidInput: It was closed before it began.
    """
    if ticket.closed is not None and ticket.closed < ticket.began:
        raise InvalidInput(
            f"ticket {ticket.id}",
            f"closed at or after {ticket.began.isoformat()}, when the fault began",
            ticket.closed.isoformat(),
            "Check the clock that closed it.",
        )
    return asdict(ticket)


def ticket_of(row: Row[Any]) -> Ticket:
    """Return the ticket of a row."""
    return Ticket(**row._mapping)


def novelty_values(novelty: Novelty) -> Values:
    """Return the row of a novelty."""
    return {
        **_fields(novelty, "id", "name", "first_seen", "last_seen", "instances", "kind"),
        "state": NoveltyState(novelty.state),
        "robots": list(novelty.robots),
        "cost_expected": novelty.cost.expected,
        "cost_low": novelty.cost.low,
        "cost_high": novelty.cost.high,
    }


def novelty_of(row: Row[Any]) -> Novelty:
    """Return the novelty of a row."""
    return Novelty(
        **_fields(row, "id", "name", "first_seen", "last_seen", "instances", "kind"),
        state=NoveltyState(row.state),
        robots=tuple(row.robots),
        cost=Cost(row.cost_expected, row.cost_low, row.cost_high),
    )


def campaign_values(campaign: Campaign) -> Values:
    """Return the row of a campaign."""
    return {**asdict(campaign), "frames": list(campaign.frames)}


def campaign_of(row: Row[Any]) -> Campaign:
    """Return the campaign of a row."""
    return Campaign(**{**row._mapping, "frames": tuple(row.frames)})


def task_values(task: LabelTask, image: str) -> Values:
    """Return the row of a label task that is not done."""
    return {
        **_fields(task, "id", "observation", "novelty"),
        "image": image,
        "proposals": instances_to_json(task.proposals),
        "done": False,
    }


def task_of(row: Row[Any]) -> LabelTaskRow:
    """Return the label task of a row."""
    return LabelTaskRow(
        **_fields(row, "id", "observation", "novelty", "image", "done"),
        proposals=instances_from_json(row.proposals, f"proposals of label task {row.id}"),
    )


def label_values(label: Label, digest: str) -> Values:
    """Return the row of a label."""
    return {
        **_fields(label, "observation", "annotator", "at"),
        "digest": digest,
        "truth": instances_to_json(label.truth),
    }


def label_of(row: Row[Any]) -> LabelRow:
    """Return the label of a row."""
    truth = instances_from_json(row.truth, f"label of observation {row.observation}")
    return LabelRow(Label(row.observation, truth, row.annotator, row.at), row.digest)


def deck_values(deck: Deck) -> Values:
    """Return the row of a deck."""
    manifest = {
        "items": [item_to_json(item) for item in deck.items],
        "taxonomy": taxonomy_to_json(deck.taxonomy),
        "recipe": dict(deck.recipe),
        "seed": int(deck.seed),
    }
    return {"id": deck.id, "parent": deck.parent, "manifest": manifest}


def deck_of(row: Row[Any]) -> Deck:
    """Return the deck of a row."""
    return Deck(
        id=row.id,
        items=tuple(item_from_json(item) for item in row.manifest["items"]),
        taxonomy=taxonomy_from_json(row.manifest["taxonomy"]),
        recipe=row.manifest["recipe"],
        seed=row.manifest["seed"],
        parent=row.parent,
    )


def slice_values(slice_: Slice) -> Values:
    """Return the row of a slice."""
    items = [item_to_json(item) for item in slice_.items]
    return {**_fields(slice_, "id", "name", "novelty"), "items": items}


def slice_of(row: Row[Any]) -> Slice:
    """Return the slice of a row."""
    items = tuple(item_from_json(item) for item in row._mapping["items"])
    return Slice(row.id, row.name, items, row.novelty)


def model_values(model: ModelVersion) -> Values:
    """Return the row of a model version."""
    return {
        **_fields(model, "id", "weights", "parent", "deck", "made"),
        "taxonomy": taxonomy_to_json(model.taxonomy),
        "card": dict(model.card),
    }


def model_of(row: Row[Any]) -> ModelVersion:
    """Return the model version of a row."""
    return ModelVersion(
        **_fields(row, "id", "weights", "parent", "deck", "made", "card"),
        taxonomy=taxonomy_from_json(row.taxonomy),
    )


def verdict_values(model: str, champion: str, verdict: Verdict, at: datetime) -> Values:
    """Return the row of a verdict."""
    return {
        "model": model,
        "champion": champion,
        "at": at,
        "answer": Answer(verdict.answer),
        "reasons": list(verdict.reasons),
        "slices": [asdict(score) for score in verdict.slices],
    }


def verdict_of(row: Row[Any]) -> VerdictRow:
    """Return the verdict of a row."""
    scores = tuple(SliceScore(**score) for score in row.slices)
    verdict = Verdict(Answer(row.answer), tuple(row.reasons), scores)
    return VerdictRow(row.model, row.champion, verdict, row.at)


def release_values(release: Release) -> Values:
    """Return the row of a release."""
    return {
        **_fields(release, "id", "model", "champion", "novelty", "opened"),
        "beta_lines": list(release.beta_lines),
        "stage": Stage(release.stage),
        "reports": [asdict(report) for report in release.reports],
    }


def release_of(row: Row[Any]) -> Release:
    """Return the release of a row."""
    reports = (
        StageReport(
            **{
                **report,
                "stage": Stage(report["stage"]),
                "answer": Answer(report["answer"]),
                "reasons": tuple(report["reasons"]),
            }
        )
        for report in row.reports
    )
    return Release(
        **_fields(row, "id", "model", "champion", "novelty", "opened"),
        beta_lines=tuple(row.beta_lines),
        stage=Stage(row.stage),
        reports=tuple(reports),
    )


def _fields(source: Any, *names: str) -> Values:
    return {name: getattr(source, name) for name in names}
