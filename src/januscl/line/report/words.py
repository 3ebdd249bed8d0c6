"""Figures and facts as words that a person reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from januscl.core import Answer, Release, Stage
from januscl.line.report.story import Story

STAGES = (Stage.STATION, Stage.BETA, Stage.FLEET)
_HELD_BACK = (Stage.STOPPED, Stage.ROLLED_BACK)


def plain(name: str) -> str:
    """Return a name of the code (``lamp_failed``) as words that begin a line (``Lamp failed``)."""
    return opening(name.replace("_", " ").strip())


def opening(words: str) -> str:
    """Return words with a capital at their beginning, unless they begin with an id or a figure."""
    first = words.split(" ", 1)[0].rstrip(",:;.")
    return words[:1].upper() + words[1:] if first.isalpha() else words


def signed(value: float) -> str:
    """Return a difference of AP with its sign, a true minus where it fell."""
    rounded = round(value, 3) + 0.0  # no minus before a nought
    return f"{rounded:+.3f}".replace("-", "−")


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
    return f"{failed / tried:.1%}" if tried else "–"


def count(number: int, thing: str, things: str = "") -> str:
    """Return a number with its noun, in the plural where it belongs."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def sentence(story: Story) -> str:
    """Return in one sentence what Janus did in this story."""
    held_back = {c.challenger for c in story.verdicts if c.verdict.answer is Answer.FAIL}
    held_back |= {c.release.model for c in story.releases if c.release.stage in _HELD_BACK}
    done = sum(c.release.stage is Stage.DONE for c in story.releases)
    closed = sum(card.state == "closed" for card in story.novelties)
    deeds = []
    if story.tickets:
        deeds.append(f"handed {count(len(story.tickets), 'fault')} to technicians")
    if story.novelties:
        deeds.append(f"found {count(len(story.novelties), 'novelty', 'novelties')}")
    if closed:
        deeds.append(f"closed {closed} of them")
    if story.verdicts:
        judged = {card.challenger for card in story.verdicts}
        deeds.append(f"judged {count(len(judged), 'new model')}")
    if done:
        deeds.append(f"brought {done} to the whole fleet")
    if held_back:
        deeds.append(f"held back {len(held_back)} that failed the test")
    return f"Janus {_listed(deeds)}." if deeds else "Janus found nothing out of the ordinary."


def pending(release: Release) -> tuple[Stage, ...]:
    """Return the stages of which a release has no report, in order."""
    seen = {report.stage for report in release.reports}
    return tuple(stage for stage in STAGES if stage not in seen)


def _listed(deeds: Sequence[str]) -> str:
    return deeds[0] if len(deeds) == 1 else f"{', '.join(deeds[:-1])} and {deeds[-1]}"
