import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring.contract.judged import broken, expect

TYPES = {"text": "string"}


def found(expectation: dict, *cells: str | None) -> list[int]:
    return broken(TYPES, expectation, {"text": cells})


@pytest.mark.parametrize(
    ("kwargs", "rows"),
    [
        ({"min_value": 2}, [0]),
        ({"min_value": 2, "strict_min": True}, [0, 1]),
        ({"max_value": 3}, [3]),
        ({"max_value": 3, "strict_max": True}, [2, 3]),
        ({"min_value": 2, "max_value": 3}, [0, 3]),
        ({"min_value": 0, "max_value": 16}, []),
        ({"max_value": 10**30}, []),
    ],
)
def test_lengths_are_counted_in_characters_and_not_in_bytes(kwargs: dict, rows: list[int]):
    rule = expect("column_value_lengths_to_be_between", column="text", **kwargs)

    assert found(rule, "é", "日本", "📚📚📚", "four", None) == rows


def test_a_length_can_be_given_exactly():
    assert found(expect("column_value_lengths_to_equal", column="text", value=2.0), "a", "日本", None, "abc") == [0, 3]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_lengths_are_those_of_python(cells: list[str], one: int, other: int):
    lowest, highest = sorted((one, other))
    rule = expect("column_value_lengths_to_be_between", column="text", min_value=lowest, max_value=highest)

    assert found(rule, *cells) == [row for row, cell in enumerate(cells) if not lowest <= len(cell) <= highest]


CELLS = ("R1", "R2", "Rx", "x\n1", None)


@pytest.mark.parametrize(
    ("rule", "kwargs", "rows"),
    [
        ("match_regex", {"regex": "^R[0-9]+$"}, [2, 3]),
        ("match_regex", {"regex": "."}, []),
        ("not_match_regex", {"regex": "^R"}, [0, 1, 2]),
        ("not_match_regex", {"regex": "Q"}, []),
        ("match_regex_list", {"regex_list": ["1$", "x"]}, [1]),
        ("match_regex_list", {"regex_list": ["R", "1"], "match_on": "all"}, [1, 2, 3]),
        ("not_match_regex_list", {"regex_list": ["1", "Rx"]}, [0, 2, 3]),
        ("match_like_pattern", {"like_pattern": "R_"}, [3]),
        ("not_match_like_pattern", {"like_pattern": "R%"}, [0, 1, 2]),
        ("match_like_pattern_list", {"like_pattern_list": ["R1", "x%"]}, [1, 2]),
        ("match_like_pattern_list", {"like_pattern_list": ["R%", "%1"], "match_on": "all"}, [1, 2, 3]),
        ("not_match_like_pattern_list", {"like_pattern_list": ["_1", "%x"]}, [0, 2]),
        ("match_strftime_format", {"strftime_format": "R%d"}, [2, 3]),
    ],
)
def test_patterns_are_held_against_every_cell_that_is_not_empty(rule: str, kwargs: dict, rows: list[int]):
    assert found(expect(f"column_values_to_{rule}", column="text", **kwargs), *CELLS) == rows


def test_a_pattern_ends_where_the_text_does():
    assert found(expect("column_values_to_match_regex", column="text", regex="^a$"), "a", "a\n") == [1]


def test_case_can_be_left_out_of_account():
    assert found(expect("column_values_to_match_regex", column="text", regex="(?i)^YES$"), "yes", "no") == [1]
