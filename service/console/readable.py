"""JSON for people: indented, but a list of plain values stays on one line."""

import json
import re

from pydantic import JsonValue

PLAIN_LIST = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s+\]")
"""In indented JSON, where a line break is never part of a text."""

LINE_BREAK = re.compile(r"\n\s+")


def indented(value: JsonValue, *, spaces: int = 2) -> str:
    """A value as JSON with line breaks, and that many spaces for each level."""
    text = json.dumps(value, ensure_ascii=False, indent=spaces)
    return PLAIN_LIST.sub(lambda found: "[" + LINE_BREAK.sub(" ", found[1]) + "]", text)


def readable(content: str) -> str:
    """Compact JSON indented; anything that would not survive this unchanged stays as it is."""
    try:
        value = json.loads(content)
        is_faithful = json.dumps(value, ensure_ascii=False, separators=(",", ":")) == content
    except (ValueError, RecursionError):
        return content
    return indented(value) if is_faithful else content
