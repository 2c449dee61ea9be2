"""SQL's LIKE patterns as regular expressions: `%` is any text, `_` is one character, the whole cell must match."""

import re


def as_regex(pattern: str, escape: str | None) -> str:
    """Return the regular expression, in RE2's syntax, that matches what the pattern matches.

    Args:
        pattern: As SQL's LIKE takes it; case counts, and line ends are characters like others.
        escape: The character that makes the one behind it stand for itself.

    Raises:
        ValueError: The pattern ends with the escape character.
    """
    parts = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise ValueError(pattern)
            parts.append(re.escape(escaped))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return f"(?s)^{''.join(parts)}$"
