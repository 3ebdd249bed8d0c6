"""Figures and facts as words that a person reads."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from januscl.core import Answer, Instances, Release, Stage, StageReport, Taxonomy
from januscl.line.report.story import ReleaseCard, Story

STAGES = (Stage.STATION, Stage.BETA, Stage.FLEET)
HELD_BACK = (Stage.STOPPED, Stage.ROLLED_BACK)
"""Where a release stands that ended without its model in the fleet."""

GLOSSARY = {
    "AP": "Average precision of the masks, 0 to 100 points: 100 outlines every {thing} to the "
    "pixel and invents none. It does not ask for the kind of {thing}.",
    "Slice": "A set of labelled pictures that is frozen for ever. Every novelty that was learned "
    "leaves one behind, so that no later model may forget it.",
    "Champion": "The model that the fleet runs.",
    "Challenger": "A newly trained model that wants to replace the champion.",
    "Gate": "The test before any robot runs a challenger: it must keep every old slice, and gain "
    "on the slice that it was trained for. Unclear is not good enough.",
    "Station": "The test cell, which no customer's order depends on. There both models pick from "
    "the same scripted piles, one after the other.",
    "Beta": "The stage at which one or two lines run the challenger while the others go on with "
    "the champion.",
    "Control": "The champion's picks that the challenger's are compared with at a stage.",
    "Fault": "Something wrong with a camera. Technicians mend it; nothing is learned from it.",
    "Novelty": "A recurring kind of {thing} or look that the model does not know. It must be "
    "learned.",
    "Lost picks": "Picks that fail because of a novelty, beyond those that fail anyway: expected "
    "for a day of the whole fleet, with a 90% interval.",
    "Campaign": "A bounded order to collect and label pictures of one novelty.",
    "Tempered": "A challenger that gave back a part of what it learned, by blending it with the "
    "champion, to keep more of what is old.",
}
"""The words of the page, each in a sentence or two; ``{thing}`` is what is picked there."""

COMPARED = {
    Stage.STATION: "the same scripted test piles, one model after the other; so short a script "
    "shows gross harm only",
    Stage.BETA: "the lines that ran the champion at the same time",
    Stage.FLEET: "robots outside the beta lines that kept the champion in the same hours; where "
    "none could be spared, its picks earlier in the release",
}
"""What a challenger's picks are compared with at each stage."""

FATES = {
    "fleet": ("reached the whole fleet", "reached the whole fleet"),
    "passed": ("passed the gate", "passed the gate"),
    "under_way": ("is on its way", "are on their way"),
    "rolled_back": ("was rolled back", "were rolled back"),
    "stopped": ("was stopped at the test station", "were stopped at the test station"),
    "refused": ("was refused by the gate", "were refused by the gate"),
    "undecided": (
        "stayed undecided at the gate and was held back",
        "stayed undecided at the gate and were held back",
    ),
}
"""What can become of one challenger, and of several."""

_ENDS = {
    Stage.DONE: "fleet",
    Stage.STOPPED: "stopped",
    Stage.ROLLED_BACK: "rolled_back",
}
_GATE = {Answer.PASS: "passed", Answer.FAIL: "refused", Answer.INCONCLUSIVE: "undecided"}


def plain(name: str) -> str:
    """Return a name of the code (``lamp_failed``) as words that begin a line (``Lamp failed``)."""
    return opening(name.replace("_", " ").strip())


def opening(words: str) -> str:
    """Return words with a capital at their beginning, unless they begin with an id or a figure."""
    first = words.split(" ", 1)[0].rstrip(",:;.")
    return words[:1].upper() + words[1:] if first.isalpha() else words


def points(value: float) -> str:
    """Return an AP, or a difference of two, in points of 100, with a true minus."""
    return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "−")  # no minus before a nought


def signed(value: float) -> str:
    """Return a difference of AP in points with its sign, a true minus where it fell."""
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def duration(length: timedelta) -> str:
    """Return a length of time in its two largest units, such as ``1 h 05 min``."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} days {minutes % 1440 // 60} h"


def clock(at: datetime) -> str:
    """Return a UTC time such as ``14 Mar 09:30``."""
    return f"{at:%d %b %H:%M}".lstrip("0")


def share(failed: int, tried: int) -> str:
    """Return failures as a percentage of tries; a dash where nothing was tried."""
    return f"{failed / tried:.0%}" if tried else "–"


def count(number: int, thing: str, things: str = "") -> str:
    """Return a number with its noun, in the plural where it belongs."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def kinds_in(truth: Instances, taxonomy: Taxonomy) -> str:
    """Return the kinds of a truth with their numbers, the commonest first."""
    found = Counter(truth.labels.tolist()).most_common()
    if not found:
        return "nothing"
    return listed([f"{number} {taxonomy.kind(kind).name}" for kind, number in found])


def fate(answer: Answer, release: Release | None) -> str:
    """Return what became of a challenger, a key of `FATES`.

    Args:
        answer: The gate's last one.
        release: Its way, where it had one.
    """
    return _GATE[answer] if release is None else _ENDS.get(release.stage, "under_way")


def sentence(story: Story) -> str:
    """Return what the story leads with, or in two sentences what Janus did in it."""
    if story.lead:
        return story.lead
    closed = sum(card.state == "closed" for card in story.novelties)
    back = sum(card.came_back for card in story.novelties)
    deeds = []
    if story.tickets:
        deeds.append(f"handed {count(len(story.tickets), 'fault')} to technicians")
    if story.novelties:
        deeds.append(f"found {count(len(story.novelties), 'novelty', 'novelties')}")
    if closed:
        deeds.append(f"closed {closed} of them")
    if back:
        deeds.append(f"saw {back} come back after closing")
    first = f"Janus {listed(deeds)}." if deeds else ""
    return " ".join(filter(None, (first, _judged(story)))) or (
        "Janus found nothing out of the ordinary."
    )


def _judged(story: Story) -> str:
    """Say what became of every challenger; the parts add up to the number that was judged."""
    releases = {card.release.model: card.release for card in story.releases}
    answers = {card.challenger: card.verdict.answer for card in story.verdicts}
    if not answers:
        return ""
    ends = Counter(fate(answer, releases.get(model)) for model, answer in answers.items())
    told = [f"{ends[end]} {FATES[end][ends[end] > 1]}" for end in FATES if ends[end]]
    return f"Of {count(len(answers), 'new model')} judged, {listed(told)}."


def last_looks(release: Release) -> list[StageReport]:
    """Return the last report of each stage.

    A report without picks tells of an end from outside, and is no look.
    """
    last = {report.stage: report for report in release.reports if report.challenger_picks}
    return [last[stage] for stage in STAGES if stage in last]


def pending(release: Release) -> tuple[Stage, ...]:
    """Return the stages of which a release has no report, in order."""
    seen = {report.stage for report in release.reports}
    return tuple(stage for stage in STAGES if stage not in seen)


ENDINGS = {
    "harm": "",
    "undecided": "No harm was shown, but it was not ruled out in time either.",
    "outside": "It was ended from outside; the last line says why.",
}
"""What is to be said of why a release was held back."""


def ended(card: ReleaseCard) -> tuple[str, str]:
    """Return the style and the words of how a release stands."""
    stage = card.release.stage
    if stage is Stage.DONE:
        return "pass", "✓ In the whole fleet"
    if stage not in HELD_BACK:
        return "state", "Under way"
    words = "↶ Rolled back" if stage is Stage.ROLLED_BACK else "■ Stopped at the station"
    tail = {"undecided": ", undecided", "outside": ", from outside"}.get(card.ending, "")
    return "inconclusive" if tail else "fail", words + tail


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    parts: Sequence[str] = tuple(words)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
