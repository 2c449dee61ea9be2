import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.rules.like_patterns import as_regex


@pytest.mark.parametrize(
    ("pattern", "escape", "text", "matches"),
    [
        ("a%", None, "abc", True),
        ("a%", None, "a", True),
        ("a%", None, "ba", False),
        ("a_c", None, "abc", True),
        ("a_c", None, "ac", False),
        ("%", None, "two\nlines", True),
        ("1.5", None, "105", False),
        ("100\\%", "\\", "100%", True),
        ("100\\%", "\\", "1000", False),
        ("100\\%", None, "100\\x", True),
        ("a!!", "!", "a!", True),
    ],
)
def test_a_like_pattern_matches_the_whole_text(pattern: str, escape: str | None, text: str, matches: bool):
    assert bool(re.search(as_regex(pattern, escape), text)) == matches


def test_an_escape_at_the_end_is_refused():
    with pytest.raises(ValueError):
        as_regex("100!", "!")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%_")))
def test_a_pattern_without_wildcards_matches_itself(text: str):
    assert re.search(as_regex(text, None), text)
