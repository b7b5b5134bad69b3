"""The report's pages, rendered from its sections: HTML that fetches nothing, and Markdown."""

import base64
import html
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from common.charts.base import CHARTS, AnyChart
from common.report.formats import as_text
from common.synthetic import NOTICE
from common.toml import toml_beside

SECTIONS = toml_beside(__file__, "sections.toml")
SAID = SECTIONS.pop("said")
# Charts have no ground of their own, and colours that a dark page turns.
DARK = """<style>:root{color:#1c232d}[fill="#000"]{fill:currentColor}[stroke="#ddd"]{stroke:#8886}
@media screen and (prefers-color-scheme:dark){:root{color:#e3e7ec}}</style>"""


@dataclass
class Section:
    """A part of the report: the commands that reproduce its figures, the metrics and files that
    these are read from, paragraphs, {caption: table} and {name: chart}."""

    title: str
    commands: list[str]
    measured: str = ""
    text: list[str] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    charts: dict[str, AnyChart] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave out tables that are empty because their figures were not measured."""
        self.tables = {caption: table for caption, table in self.tables.items() if len(table)}

    @property
    def anchor(self) -> str:
        """Its name within the page."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")

    @property
    def paragraphs(self) -> list[str]:
        """The text, or which script to run where nothing was measured."""
        if self.measured and not self.tables:
            return [f"Not run yet: `{self.commands[0].split(' --')[0]}` makes this part."]
        return list(filter(None, self.text))


def section(name: str, *text: str, **parts: Any) -> Section:
    """The section of sections.toml with this name; text comes after the paragraphs there."""
    words = SECTIONS[name]
    return Section(**words | {"text": [*words.get("text", []), *text]}, **parts)


def write_pages(
    folder: Path, sections: Sequence[Section], manifest: Mapping[str, Any], data_dir: Path
) -> None:
    """Write index.html, report.md and <chart>.svg into `folder`."""
    images = {}
    for section in sections:
        for name, chart in section.charts.items():
            file = folder / f"{name}.svg"
            fitted = CHARTS["report"]  # as wide as a column of the page
            chart.properties(**fitted["properties"]).configure(**fitted["config"]).save(file)
            svg = file.read_text(encoding="utf-8").replace(">", f">{DARK}", 1)
            file.write_text(svg, encoding="utf-8")
            images[name] = base64.b64encode(svg.encode()).decode()
    notice = NOTICE if manifest["data"] == "synthetic" else ""
    environment = Environment(
        loader=PackageLoader("common.report", "."),
        autoescape=lambda template: template == "page.html.j2",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"as_text": as_text, "markdown": markdown, "marked_up": marked_up}
    for name, template in (("index.html", "page.html.j2"), ("report.md", "report.md.j2")):
        text = environment.get_template(template).render(
            title="Smarter Netflix Predictions",
            notice=notice,
            sections=sections,
            images=images,
            reproduce=lambda section: reproduce(section, manifest, data_dir),
        )
        (folder / name).write_text(text, encoding="utf-8")


def reproduce(section: Section, manifest: Mapping[str, Any], data_dir: Path) -> str:
    """The shell's words that make a section's figures again, from the same reviews."""
    if manifest["data"] == "synthetic":
        source = f" --rows {manifest['records']}"
    else:
        source = "".join(f" --csv {shlex.quote(file['name'])}" for file in manifest["sources"])
    return " && ".join(
        f"{command}{source if '01_load' in command else ''} --data-dir {shlex.quote(str(data_dir))}"
        for command in section.commands
    )


def marked_up(text: str) -> Markup:
    """A text as HTML, with its `commands` as code, and dates that do not break over lines."""
    words = re.sub(r"\d{4}-\d\d-\d\d", r'<span class="short">\g<0></span>', str(escape(text)))
    return Markup(re.sub("`(.+?)`", r"<code>\1</code>", words))


def markdown(cell: str) -> str:
    """A text as one cell of a Markdown table: on one line, nothing in it read as markup."""
    escaped = re.sub(r"([\\`*\[\]!|])", r"\\\1", html.escape(cell, quote=False))
    return " ".join(escaped.split())
