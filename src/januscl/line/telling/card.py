"""A model's card as Markdown: what it learned from, what it cost, what it was judged by."""

from collections import Counter
from collections.abc import Mapping, Sequence

from januscl.core import Answer, Deck, ModelVersion, Release, SliceScore
from januscl.line.report import FATES, fate
from januscl.line.telling.names import model_names, novelty_names
from januscl.store import VerdictRow, Workspace

_SOURCES = {"replay": "replayed from history", "history": "of history", "new": "new"}
_SPECIAL = "\\`*_{}[]<>|#"


def model_card(workspace: Workspace, model: ModelVersion) -> str:
    """Return the card of a model version, from the catalogue alone.

    The parts follow Mitchell and others, "Model cards for model reporting" (FAT* 2019), as far as
    a workspace knows of them.
    """
    catalogue = workspace.catalogue
    names, novelties = model_names(workspace), novelty_names(workspace)
    verdicts = catalogue.verdicts.list(model=model.id)
    releases = [release for release in catalogue.releases.list() if release.model == model.id]
    deck = None if model.deck is None else catalogue.decks.get(model.deck)
    parts = [
        f"# {_plain(names[model.id])}",
        _table(_facts(model, _lineage(workspace, model), names)),
        "## What it learned from",
        _learned_from(model, deck, novelties),
        "## What it cost",
        _cost(model),
        "## What it was judged by",
        *([_judged(verdicts[-1], names)] if verdicts else ["The gate never judged it."]),
        "## Where it ran",
        _ran(releases, model.id in catalogue.aliases.list().values()),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(
    model: ModelVersion, lineage: Sequence[ModelVersion], names: dict[str, str]
) -> list[tuple[str, str]]:
    kinds = ", ".join(kind.name for kind in model.taxonomy if not kind.retired)
    return [
        ("version", model.id),
        ("made", f"{model.made:%Y-%m-%d %H:%M} UTC"),
        ("kinds", kinds or "none"),
        ("lineage", ", from ".join(f"{names[one.id]} ({one.id})" for one in lineage)),
        ("weights", f"SHA-256 {model.weights}"),
    ]


def _lineage(workspace: Workspace, model: ModelVersion) -> list[ModelVersion]:
    """Return a model and those that it was trained from, the first one last."""
    lineage = [model]
    while (parent := lineage[-1].parent) is not None:
        lineage.append(workspace.catalogue.models.get(parent))
    return lineage


def _learned_from(model: ModelVersion, deck: Deck | None, novelties: dict[str, str]) -> str:
    if deck is None:
        return "It was brought to this workspace; what it learned from is not known here."
    counts = Counter(item.source for item in deck.items)
    rows = [
        (_SOURCES.get(source) or f"labelled for {novelties.get(source, source)}", f"{number}")
        for source, number in counts.most_common()
    ]
    told = f"Deck `{deck.id}`, {len(deck.items)} pictures:\n\n{_table(rows)}"
    strategy = model.card.get("strategy")
    return told + (f"\n\nStrategy against forgetting: `{strategy}`." if strategy else "")


def _cost(model: ModelVersion) -> str:
    card, settings = model.card, model.card.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    rows = [
        ("training", _formatted(card.get("seconds"), ".0f", " seconds")),
        ("steps", f"{settings.get('steps', '')}"),
        ("pictures a step", f"{settings.get('batch', '')}"),
        ("learning rate", f"{settings.get('lr', '')}"),
        ("seed", f"{settings.get('seed', '')}"),
        ("tempered to", _formatted(card.get("tempered"), ".0%")),
    ]
    known = [(name, value) for name, value in rows if value]
    return _table(known) if known else "Not known here."


def _formatted(value: object, form: str, unit: str = "") -> str:
    """Return a number of a card in a form; as it stands where it is none, for cards are free."""
    if value is None:
        return ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:{form}}{unit}" if is_number else f"{value}"


def _judged(row: VerdictRow, names: dict[str, str]) -> str:
    said = row.verdict
    head = f"**{said.answer}** against {_plain(names.get(row.champion, row.champion))}, "
    head += f"{row.at:%Y-%m-%d %H:%M} UTC. AP of masks in points; 0 to 100."
    titles = ("slice", "pictures", "champion", "this model", "change", "from", "to", "margin")
    scores = _table([_score(score) for score in said.slices], titles) if said.slices else ""
    reasons = "\n".join(f"- {_plain(reason)}" for reason in said.reasons)
    return "\n\n".join(part for part in (head, scores, reasons) if part)


def _score(score: SliceScore) -> tuple[str, ...]:
    whole = (f"{100 * value:.1f}" for value in (score.champion, score.challenger))
    change = (f"{100 * value:+.1f}" for value in (score.delta, score.low, score.high))
    return (score.slice, f"{score.frames}", *whole, *change, f"{100 * score.margin:.1f}")


def _ran(releases: Sequence[Release], is_named: bool) -> str:
    rows = [
        (
            f"{report.stage}",
            f"{report.answer}",
            f"{report.challenger_failed} of {report.challenger_picks}",
            f"{report.control_failed} of {report.control_picks}",
        )
        for release in releases
        for report in release.reports
    ]
    told = [
        f"Released {release.opened:%Y-%m-%d %H:%M} UTC; it {FATES[fate(Answer.PASS, release)][0]}."
        for release in releases
    ] or ["It runs here." if is_named else "It was never released."]
    titles = ("stage", "answer", "failed picks", "failed picks of its control")
    return "\n\n".join([*told, *([_table(rows, titles)] if rows else [])])


def _table(rows: Sequence[Sequence[str]], titles: Sequence[str] = ("", "")) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in " ".join(text.split()))
