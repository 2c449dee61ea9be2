"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from scoring.report.charts import histogram, home_chart, lane_chart
from scoring.report.figures import bound, count, figure, moment, seconds, share, size
from scoring.report.model import RunReport

_HERE = Path(__file__).parent


def as_html(report: RunReport) -> str:
    """The page. Whatever the run, it is bounded, since every list of the report is."""
    style = _style()
    return _template().render(report=report, style=Markup(style), style_hash=_hash_of(style))  # noqa: S704 (our file)


def with_code(text: str) -> Markup:
    """Text in which what stands in backquotes is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


@cache
def _style() -> str:
    return (_HERE / "report.css").read_text(encoding="utf-8")


def _hash_of(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    functions = (moment, seconds, count, figure, bound, size, share, with_code, lane_chart, home_chart, histogram)
    environment.filters |= {function.__name__: function for function in functions}
    return environment.get_template("report.html")
