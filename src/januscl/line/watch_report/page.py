"""Write a watch story as one HTML file that needs no network, no script and no other file."""

from pathlib import Path

from januscl.core.files import write_atomically
from januscl.line.report.page import environment, made_on, policy_of, style_sheet
from januscl.line.report.words import duration, listed
from januscl.line.watch_report import plot, strips, words
from januscl.line.watch_report.story import Camera, Health, WatchStory

MOST_LISTED = 200
"""Cameras that are counted without being drawn; of more, only their number is told."""

_HERE = Path(__file__).parent
_MANY = 0.05
"""Share of faulty frames from which a camera without a ticket is not called well."""


def write_watch_report(story: WatchStory, path: Path) -> None:
    """Write the story to ``path``, whole or not at all; folders are made as needed.

    Every name and text is escaped, and the page's content security policy allows nothing but its
    own style sheet and its embedded pictures.

    Raises:
        MissingDependency: Jinja2 is not installed.
        StorageFull: The disk is full; what was at ``path`` before is still there.
    """
    write_atomically(path, render(story).encode("utf-8", "replace"))


def render(story: WatchStory) -> str:
    """Return the page of a story as HTML text; see `write_watch_report`."""
    style = style_sheet() + (_HERE / "watch.css").read_text(encoding="utf-8")
    made = environment(_HERE)
    made.globals.update(
        strain_strip=strips.strain_strip, track_strip=strips.track_strip,
        time_axis=strips.time_axis, draw_map=plot.draw_map, marker=plot.marker,
        named=words.named, measured=words.measured, standing_of=standing_of,
        most_listed=MOST_LISTED,
    )  # fmt: skip
    return made.get_template("watch.html.j2").render(
        story=story,
        style=style,
        policy=policy_of(style),
        lead=lead(story),
        settings=made_on(),
        period=None if story.health is None else duration(story.health.end - story.health.begin),
    )


def standing_of(camera: Camera) -> tuple[str, str]:
    """Return the style and the words of how a camera stands."""
    if camera.in_fault:
        return "fail", "Ticket open"
    if camera.learned is None and not camera.frames:
        return "inconclusive", "Not learned yet"
    if camera.tickets:
        return "pass", "✓ Mended"
    if camera.faulty > _MANY * camera.frames:
        return "inconclusive", "Alarms, no ticket"
    return "pass", "✓ Well"


def lead(story: WatchStory) -> str:
    """Return in a few sentences what the page shows."""
    return " ".join(filter(None, (_of_cameras(story.health), _of_novelties(story))))


def _of_cameras(health: Health | None) -> str:
    if health is None:
        return "Nothing was seen yet."
    cameras = [*health.shown, *health.others]
    ill = sum(camera.in_fault for camera in cameras)
    mended = sum(bool(camera.tickets) and not camera.in_fault for camera in cameras)
    told = [f"{ill} {'is' if ill == 1 else 'are'} under an open ticket"] if ill else []
    told += [f"{mended} had a fault that was mended"] if mended else []
    number = f"Of {len(cameras)} cameras" if len(cameras) != 1 else "Of one camera"
    return f"{number}, {' and '.join(told)}." if told else f"{number}, none had a fault."


def _of_novelties(story: WatchStory) -> str:
    names = list(dict.fromkeys(patch.name for drawn in story.maps for patch in drawn.patches))
    if not names:
        return ""
    return f"Novel to the models that ran: {listed(names)}."
