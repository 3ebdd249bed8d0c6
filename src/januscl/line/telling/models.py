"""The models: verdicts, releases, what they see, and what they kept."""

from collections.abc import Mapping, Sequence

from januscl.core import Release, Slice, SliceScore
from januscl.evaluate import MIN_GAIN, TOLERATED_DROP, backward_transfer, forgetting
from januscl.line import report
from januscl.line.judging import Judge
from januscl.line.report.words import HELD_BACK
from januscl.line.telling.names import model_names, sources_of
from januscl.release import shows_harm
from januscl.store import Workspace
from januscl.store.records import VerdictRow


def verdict_cards(
    workspace: Workspace, judge: Judge | None = None, models: Mapping[str, str] | None = None
) -> tuple[report.VerdictCard, ...]:
    """Return every verdict of the gate, in the order in which it spoke, with what it asked.

    Args:
        workspace: Whose verdicts.
        judge: Measures what each slice once reached; without it that limit is not told.
        models: What models are called; see `model_names`.
    """
    names = model_names(workspace) if models is None else models
    rows = workspace.catalogue.verdicts.list()
    return tuple(verdict_card(workspace, row, judge, names) for row in rows)


def verdict_card(
    workspace: Workspace, row: VerdictRow, judge: Judge | None, names: Mapping[str, str]
) -> report.VerdictCard:
    """Return one verdict; see `verdict_cards`."""
    limits = tuple(_limits(workspace, judge, row))
    return report.VerdictCard(names[row.model], names[row.champion], row.model, row.verdict, limits)


def _limits(workspace: Workspace, judge: Judge | None, row: VerdictRow) -> list[report.Limits]:
    """Return what the gate asked of each slice of a verdict; `Judge.verdict` keeps its defaults."""
    slices = {part.name: part for part in workspace.catalogue.slices.list()}
    target = _target(workspace, row, slices)
    line = [] if judge is None else judge.champions(row.champion)
    limits = []
    for score in row.verdict.slices:
        if score.slice == target:
            limits.append(report.Limits(MIN_GAIN, 0.0, MIN_GAIN, target=True))
            continue
        part = slices[score.slice]
        floor = max((judge.ap(model, part) for model in line), default=None) if judge else None
        limits.append(asked_of_old(score, floor))
    return limits


def asked_of_old(score: SliceScore, floor: float | None = None) -> report.Limits:
    """Return what the gate asks of an old slice, which may be held to what it once reached."""
    drop = TOLERATED_DROP
    measured = -drop if floor is None else max(-drop, floor - drop - score.champion)
    return report.Limits(measured, -score.margin, -drop, floor)


def _target(workspace: Workspace, row: VerdictRow, slices: Mapping[str, Slice]) -> str | None:
    """Return the slice that a challenger was trained for: the last one from its deck's source."""
    deck = workspace.catalogue.models.get(row.model).deck
    if deck is None:
        return None
    sources = sources_of(workspace.catalogue.decks.get(deck))
    judged = {score.slice for score in row.verdict.slices}
    found = [
        name
        for name, part in slices.items()
        if name in judged and {item.source for item in part.items} & sources
    ]
    return found[-1] if found else None


def release_cards(
    workspace: Workspace, models: Mapping[str, str] | None = None
) -> tuple[report.ReleaseCard, ...]:
    """Return every release with its stages; `models` says what models are called."""
    names = model_names(workspace) if models is None else models
    return tuple(
        report.ReleaseCard(
            names[release.model],
            names[release.champion],
            release,
            ending(release),
        )
        for release in workspace.catalogue.releases.list()
    )


def ending(release: Release) -> str:
    """Return why a release was held back; see `januscl.line.report.ReleaseCard`."""
    if release.stage not in HELD_BACK:
        return ""
    if not release.reports or not release.reports[-1].challenger_picks:
        return "outside"
    return "harm" if shows_harm(release.reports[-1].reasons) else "undecided"


def comparisons(
    judge: Judge, slices: Sequence[Slice], before: str, after: str, each: int = 4
) -> tuple[report.SliceView, ...]:
    """Return what two models see in each slice, the one with the largest gain first.

    Args:
        judge: Lets the models see.
        slices: What they look at.
        before: Id of the earlier model; nothing is told when it is the later one, too.
        after: Id of the later model.
        each: Pictures of each slice.
    """
    if before == after:
        return ()
    views = [
        report.view(
            part.name, judge.frames(part), judge.seen(before, part), judge.seen(after, part), each
        )
        for part in slices
    ]
    return tuple(sorted(views, key=lambda view: -view.gain))


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
