"""The console's pages as responses: templates filled in, everything from outside escaped, and the files they need."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from service import error_codes
from service.console.samples import as_python, as_shell
from service.console.view_models import range_text, time_text
from service.errors import ServiceError

STATIC_FILES = {
    "console.css": "text/css",
    "in_place.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""All that is served as it is, with its media type."""


@cache
def templates() -> Environment:
    """The templates. What they are given is escaped in pages, not in the code samples that pages show."""
    environment = Environment(
        loader=PackageLoader("service.console"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(python=as_python, shell=as_shell, time=time_text, values=range_text)
    return environment


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page made from a template."""
    return HTMLResponse(templates().get_template(template).render(values), status_code=status)


def text(template: str, **values: object) -> str:
    """A text made from a template."""
    return templates().get_template(template).render(values)


def static_file(name: str) -> Response:
    """A file of the console.

    Raises:
        ServiceError: `ResourceNotFound`.
    """
    if name not in STATIC_FILES:
        raise error_codes.RESOURCE_NOT_FOUND("GET", name)
    content = (files("service.console") / "static" / name).read_bytes()
    return Response(content, media_type=STATIC_FILES[name])


def refusal_page(status: int, title: str, sentence: str) -> Response:
    """A page that says why nothing else is shown."""
    return page("refusal.html", status, title=title, sentence=sentence)


def error_page(error: ServiceError) -> Response:
    """The page for an error, in the words that programs get."""
    return page("error.html", error.error_class.status, error=error)
