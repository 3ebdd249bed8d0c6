"""Write a story as one HTML file that needs no network, no script and no other file."""

import os
import platform
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from januscl.core import Image, Instances, MissingDependency, how_to_install
from januscl.core.files import write_atomically
from januscl.line.report import svg, timeline, words
from januscl.line.report.pictures import data_uri, overlay
from januscl.line.report.sights import SHOWN_SCORE, hits
from januscl.line.report.story import Comparison, Story

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_PHOTO, _CROP, _SEEN = 480, 160, 420
_HEATS = 9


def write_report(story: Story, path: Path) -> None:
    """Write the story to ``path``, whole or not at all; folders are made as needed.

    Every name and text of the story is escaped, and the page's content security policy allows
    nothing but its own style sheet and its embedded pictures. To the story's settings it adds
    versions, date and machine.

    Raises:
        MissingDependency: Jinja2 is not installed.
        StorageFull: The disk is full; what was at ``path`` before is still there.
    """
    write_atomically(path, render(story, made_on()).encode("utf-8", "replace"))


def made_on() -> dict[str, str]:
    """Return the versions, the date and the machine that a page is made with."""
    made = {"Written": f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC".lstrip("0")}
    for name, package in (("Janus", "januscl"), ("PyTorch", "torch"), ("MuJoCo", "mujoco")):
        try:
            made[name] = version(package)
        except PackageNotFoundError:
            continue
    made["Python"] = platform.python_version()
    made["Machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return made


def render(story: Story, made: dict[str, str] | None = None) -> str:
    """Return the page of a story as HTML text; see `write_report`."""
    style = style_sheet()
    template = environment().get_template("report.html.j2")
    return template.render(
        story=story,
        glossary={word: told.format(thing=story.thing) for word, told in words.GLOSSARY.items()},
        settings={**story.settings, **(made or {})},
        axis=svg.axis_of(story.verdicts),
        style=style,
        policy=policy_of(style),
        sentence=words.sentence(story),
        shown_score=SHOWN_SCORE,
    )


def heat_of(values: Sequence[Sequence[float | None]], value: float) -> int:
    """Return the shade, 0 to 8, of a value between the lowest and the highest of its table.

    A table whose values hardly differ is drawn in shades that hardly differ.
    """
    known = [v for row in values for v in row if v is not None]
    low, high = min(known), max(known)
    return round((_HEATS - 1) * (1 - (high - value) / max(high - low, 0.25)))


def style_sheet() -> str:
    """Return the style sheet that every page of ours begins with."""
    return (_HERE / "report.css").read_text(encoding="utf-8")


def policy_of(style: str) -> str:
    """Return a content security policy that allows this style sheet and embedded pictures alone."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def environment(*folders: Path) -> "Environment":
    """Return what renders templates, with the words and drawings that pages share.

    Args:
        folders: Where templates are looked for before those of this room.

    Raises:
        MissingDependency: Jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependency(
            f"the report needs Jinja2; install it with: {how_to_install('report')}"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _HERE]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        plain=words.plain,
        opening=words.opening,
        signed=words.signed,
        points=words.points,
        duration=words.duration,
        clock=words.clock,
        kind_class=timeline.kind_class,
    )
    environment.globals.update(
        photo=_photo, crop=_crop, seen=_seen, hits=hits, heat_of=heat_of, zip=zip,
        count=words.count, share=words.share, pending=words.pending, kinds_in=words.kinds_in,
        held_back=words.HELD_BACK, last_looks=words.last_looks, ended=words.ended,
        compared=words.COMPARED, endings=words.ENDINGS,
        draw_timeline=timeline.draw_timeline, kinds_of=timeline.kinds_of,
        numbered=timeline.numbered, kind_names=timeline.KINDS,
        series_colours=timeline.SERIES_COLOURS,
        change_bar=svg.change_bar, interval_bar=svg.interval_bar, standing=svg.standing,
        scale=svg.scale,
    )  # fmt: skip
    return environment


def _photo(image: Image) -> str:
    return data_uri(image, _PHOTO)


def _crop(image: Image) -> str:
    return data_uri(image, _CROP)


def _seen(comparison: Comparison, instances: Instances) -> str:
    return data_uri(overlay(comparison.image, instances, comparison.truth, _SEEN), _SEEN)
