"""The account of what Janus did, read from the workspace alone."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from januscl.core import Cell, Image, NotFound, Novelty, NoveltyState, Slice, Stage
from januscl.evaluate import backward_transfer, forgetting
from januscl.line import report
from januscl.line.judging import Judge
from januscl.line.report import Fact, Mark, Span
from januscl.store import Workspace

Numbers = NDArray[np.float64]
_WINDOW = timedelta(minutes=75)
_POINTS = 72
_CROPS = 12


def timeline(
    workspace: Workspace, cells: Sequence[Cell], extra: Sequence[Mark]
) -> report.Timeline | None:
    """Return pick success over time, line by line, with what happened meanwhile.

    Success is the share of picks that worked within 75 minutes around a point.
    """
    rows = [row for row in workspace.catalogue.observations.list() if row.pick is not None]
    if not rows:
        return None
    line_of = {cell.robot: cell.line for cell in cells}
    first, last = rows[0].at, rows[-1].at
    times = tuple(first + (last - first) * (k / (_POINTS - 1)) for k in range(_POINTS))
    series = []
    for line in sorted({line_of[row.robot] for row in rows}):
        picks = [row for row in rows if line_of[row.robot] == line]
        at = np.asarray([row.at.timestamp() for row in picks])
        worked = np.asarray([not row.pick.outcome.failed for row in picks if row.pick], float)
        values = tuple(_share(at, worked, time.timestamp()) for time in times)
        series.append(report.Series(line, values))
    marks, spans = _happened(workspace, last)
    return report.Timeline(
        "Pick success through the day",
        "picks that worked",
        times,
        tuple(series),
        tuple(sorted((*marks, *extra), key=lambda mark: mark.at)),
        spans,
    )


def _share(at: Numbers, worked: Numbers, time: float) -> float | None:
    near = np.abs(at - time) <= _WINDOW.total_seconds() / 2
    return float(worked[near].mean()) if near.any() else None


def _happened(workspace: Workspace, end: datetime) -> tuple[list[Mark], tuple[Span, ...]]:
    """Return the marks and spans of tickets, novelties and releases."""
    catalogue = workspace.catalogue
    marks: list[Mark] = []
    spans: list[Span] = []
    for ticket in catalogue.tickets.list():
        cause = ticket.cause.replace("_", " ")
        marks.append(Mark(ticket.opened, "fault", f"Ticket: {ticket.robot} {cause}"))
        spans.append(Span(ticket.began, ticket.closed or end, "fault", ticket.robot, cause))
    for novelty in catalogue.novelties.list():
        if novelty.state in (NoveltyState.NEW, NoveltyState.DISMISSED):
            continue
        marks.append(Mark(novelty.first_seen, "novelty", f"First seen: {novelty.name}"))
    for release in catalogue.releases.list():
        ended = [row.at for row in catalogue.audit.list(subject=release.id)]
        bad = release.stage in (Stage.STOPPED, Stage.ROLLED_BACK)
        spans.append(
            Span(release.opened, max(ended, default=end), "stop" if bad else "release",
                 "release", release.model)
        )  # fmt: skip
        marks.append(
            Mark(max(ended, default=end), "stop" if bad else "release",
                 f"{release.model} {release.stage.replace('_', ' ')}")
        )  # fmt: skip
    return marks, tuple(spans)


def ticket_cards(workspace: Workspace) -> tuple[report.TicketCard, ...]:
    """Return every ticket with its two pictures."""
    return tuple(
        report.TicketCard(
            ticket, _picture(workspace, ticket.before), _picture(workspace, ticket.after)
        )
        for ticket in workspace.catalogue.tickets.list()
    )


def _picture(workspace: Workspace, digest: str | None) -> Image | None:
    return None if digest is None else workspace.get_image(digest)


def novelty_cards(
    workspace: Workspace, facts: Callable[[Novelty], tuple[Fact, ...]]
) -> tuple[report.NoveltyCard, ...]:
    """Return the novelties worth a campaign in rank order, each with a sheet of its instances."""
    cards: list[report.NoveltyCard] = []
    for novelty in workspace.catalogue.novelties.list():
        if novelty.state in (NoveltyState.NEW, NoveltyState.DISMISSED):
            continue
        cost = novelty.cost
        cards.append(
            report.NoveltyCard(
                novelty.name,
                novelty.state,
                len(cards) + 1,
                f"{cost.expected:.0f} lost picks a day ({cost.low:.0f} to {cost.high:.0f})",
                novelty.first_seen,
                contact_sheet(workspace, novelty.id),
                facts(novelty),
            )
        )
    return tuple(cards)


def contact_sheet(workspace: Workspace, novelty: str) -> tuple[Image, ...]:
    """Return crops of instances of a novelty, spread over time."""
    crops: list[Image] = []
    members = workspace.catalogue.novelties.members(novelty)
    frames = {observation: instance for observation, instance in members}
    for observation in _spread(sorted(frames), _CROPS):
        try:
            seen = workspace.observation(observation)
        except NotFound:
            continue
        box = seen.instances.boxes[frames[observation]]
        crops.append(_crop(seen.frame.image, box.tolist()))
    return tuple(crops)


def _crop(image: Image, box: Sequence[float], room: float = 1.35) -> Image:
    """Return the square around a box ``xyxy`` px, with some room, cut at the picture's edge."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - box[0], box[3] - box[1], 16.0) * room / 2
    top, bottom = max(0, round(y - half)), min(image.shape[0], round(y + half))
    left, right = max(0, round(x - half)), min(image.shape[1], round(x + half))
    return image[top:bottom, left:right].copy()


def _spread(ids: Sequence[str], count: int) -> list[str]:
    if len(ids) <= count:
        return list(ids)
    return [ids[round(k * (len(ids) - 1) / (count - 1))] for k in range(count)]


def verdict_cards(workspace: Workspace) -> tuple[report.VerdictCard, ...]:
    """Return every verdict of the gate, in the order in which it spoke."""
    return tuple(
        report.VerdictCard(f"{row.model} against {row.champion}", row.model, row.verdict)
        for row in workspace.catalogue.verdicts.list()
    )


def release_cards(workspace: Workspace) -> tuple[report.ReleaseCard, ...]:
    """Return every release with its stages."""
    return tuple(
        report.ReleaseCard(f"Release of {release.model}", release)
        for release in workspace.catalogue.releases.list()
    )


def comparisons(
    judge: Judge, slices: Sequence[Slice], before: str, after: str, each: int = 2
) -> tuple[report.Comparison, ...]:
    """Return the frames of each slice on which the later model differs most from the earlier.

    The difference is in packages found at an IoU of 0.75.
    """
    chosen: list[report.Comparison] = []
    if before == after:
        return ()
    for part in slices:
        frames = judge.frames(part)
        gain = _found(judge, after, part) - _found(judge, before, part)
        for index in np.argsort(-gain, kind="stable")[:each].tolist():
            chosen.append(
                report.Comparison(
                    part.name,
                    frames[index].image,
                    judge.seen(before, part)[index],
                    judge.seen(after, part)[index],
                    frames[index].truth,
                )
            )
    return tuple(chosen)


def _found(judge: Judge, model: str, part: Slice) -> Numbers:
    """Return how many truths of each frame a model finds at an IoU of 0.75."""
    matches = judge.matches(model, part)
    hits = matches.hits[5].astype(np.float64)
    return np.bincount(matches.frames, hits, matches.truths.size).astype(np.float64)


def ap_table(
    judge: Judge, models: Sequence[tuple[str, str]], slices: Sequence[Slice]
) -> report.ApTable:
    """Return the AP of models, each with the name it is shown by, on slices."""
    return report.ApTable(
        tuple(name for _, name in models),
        tuple(part.name for part in slices),
        tuple(tuple(judge.ap(model, part) for part in slices) for model, _ in models),
    )


def retention(
    workspace: Workspace, judge: Judge, names: Mapping[str, str]
) -> report.Retention | None:
    """Return what the champions, in turn, kept of all slices of history.

    None where there was but one champion, or nothing was learned before the last one.

    Args:
        workspace: Says who was champion.
        judge: Scores every champion on every slice.
        names: What a model is shown by; its id where it is not named.
    """
    champions = judge.champions(workspace.catalogue.aliases.get("champion"))
    slices = workspace.catalogue.slices.list()
    learned = tuple(judge.learned(part, champions) for part in slices)
    ap = tuple(tuple(judge.ap(model, part) for part in slices) for model in champions)
    known = [(s, at) for s, at in enumerate(learned) if at is not None]
    if not any(at < len(champions) - 1 for _, at in known):
        return None
    columns = [[row[s] for s, _ in known] for row in ap]
    phases = [at for _, at in known]
    return report.Retention(
        tuple(names.get(model, model) for model in champions),
        tuple(part.name for part in slices),
        learned,
        ap,
        forgetting(columns, phases),
        backward_transfer(columns, phases),
    )
