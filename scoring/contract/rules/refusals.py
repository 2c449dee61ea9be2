"""What Great Expectations has and a contract may not use: each by its name, with the reason and the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.members import Kwargs


@dataclass(frozen=True, slots=True)
class _Refusal:
    why: str
    next_step: str


_WHOLE_COLUMN: Final = "It needs the whole column in memory, or a second pass over the files."
_RANGE_INSTEAD: Final = (
    "State the range instead: expect_column_values_to_be_between, or expect_column_stdev_to_be_between."
)
_MOMENTS_INSTEAD: Final = (
    "State mean, standard deviation and quantiles instead: expect_column_quantile_values_to_be_between."
)
_ORDER: Final = "Rows are judged in blocks, and one that is not scored would change the order of the others."
_NO_DATABASE: Final = "It asks a database, and a contract judges files."
_QUERY_INSTEAD: Final = "State it as expectations about rows and columns."
_REGEX_INSTEAD: Final = "Match a regular expression: expect_column_values_to_match_regex."

_EXPECTATIONS: Final[Mapping[str, _Refusal]] = {
    "expect_column_kl_divergence_to_be_less_than": _Refusal(_WHOLE_COLUMN, _MOMENTS_INSTEAD),
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _Refusal(_WHOLE_COLUMN, _MOMENTS_INSTEAD),
    "expect_column_chisquare_test_p_value_to_be_greater_than": _Refusal(_WHOLE_COLUMN, _MOMENTS_INSTEAD),
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _Refusal(
        _WHOLE_COLUMN, _MOMENTS_INSTEAD
    ),
    "expect_column_pair_cramers_phi_value_to_be_less_than": _Refusal(
        _WHOLE_COLUMN, "State the pairs that may occur: expect_column_pair_values_to_be_in_set."
    ),
    "expect_column_value_z_scores_to_be_less_than": _Refusal(_WHOLE_COLUMN, _RANGE_INSTEAD),
    "expect_column_values_to_not_be_outliers": _Refusal(_WHOLE_COLUMN, _RANGE_INSTEAD),
    "expect_column_values_to_be_increasing": _Refusal(_ORDER, "Sort the extract, and leave the expectation out."),
    "expect_column_values_to_be_decreasing": _Refusal(_ORDER, "Sort the extract, and leave the expectation out."),
    "expect_column_values_to_be_dateutil_parseable": _Refusal(
        "What dateutil reads hangs on its version, and takes a cell at a time.",
        "Name the format: expect_column_values_to_match_strftime_format.",
    ),
    "expect_column_values_to_be_json_parseable": _Refusal("It takes a cell at a time.", _REGEX_INSTEAD),
    "expect_column_values_to_match_json_schema": _Refusal("It takes a cell at a time.", _REGEX_INSTEAD),
    "expect_column_type_to_be": _Refusal(
        "Types are declared.", "Give the type under `columns`; cells of another type are found by that."
    ),
    "expect_multicolumn_values_to_be_unique": _Refusal(
        "Great Expectations itself gave it up.",
        "Use expect_compound_columns_to_be_unique, or expect_select_column_values_to_be_unique_within_record.",
    ),
    "expect_query_results_to_match_comparison": _Refusal(_NO_DATABASE, _QUERY_INSTEAD),
    "expect_table_row_count_to_equal_other_table": _Refusal(_NO_DATABASE, "Use expect_table_row_count_to_be_between."),
    "unexpected_rows_expectation": _Refusal(_NO_DATABASE, _QUERY_INSTEAD),
}

_EVERY_ROW: Final = "A rule holds for every row here."
_RUN_DECIDES: Final = "What a result shows is for the run to decide."

# Members that GX has for any expectation. GX's own default is accepted, since it changes nothing; all else is refused.
_MEMBERS: Final[Mapping[str, tuple[JsonValue, _Refusal]]] = {
    "row_condition": (None, _Refusal(_EVERY_ROW, "Leave it out, or make a column of the condition in the extract.")),
    "condition_parser": (None, _Refusal(_EVERY_ROW, "Leave it out, together with row_condition.")),
    "batch_id": (None, _Refusal("The batch is the input of the run.", "Leave it out.")),
    "windows": (None, _Refusal("Each input is judged by itself, without those before it.", "Give fixed bounds.")),
    "result_format": ("BASIC", _Refusal(_RUN_DECIDES, "Leave it out.")),
    "catch_exceptions": (True, _Refusal("A rule that cannot be judged stops the run.", "Leave it out.")),
    "auto": (False, _Refusal("A contract states its bounds, and learns none from the data.", "Give the bounds.")),
    "profiler_config": (None, _Refusal("A contract states its bounds, and learns none.", "Give the bounds.")),
    "parse_strings_as_datetimes": (
        None,
        _Refusal("Great Expectations itself gave it up.", "Declare the column as date under `columns`."),
    ),
    "allow_cross_type_comparisons": (
        None,
        _Refusal("Great Expectations itself gave it up.", "Declare the type under `columns`."),
    ),
    "output_strftime_format": (None, _Refusal("Great Expectations itself gave it up.", "Leave it out.")),
    "ignore_row_if": (None, _Refusal("It is about several columns.", "Leave it out: empty cells are not judged.")),
    "mostly": (1, _Refusal("It judges no single rows.", "Leave it out.")),
}

_PARAMETER: Final = "$PARAMETER"


def refuse_expectation(type_: str) -> None:
    """Refuse an expectation that GX has and that cannot be judged in one pass over blocks of rows.

    Raises:
        ContractProblem: It is such a one.
    """
    refusal = _EXPECTATIONS.get(type_)
    if refusal:
        raise ContractProblem("type", f"{type_!r} is not supported. {refusal.why}", refusal.next_step)


def refuse_parameters(kwargs: Kwargs) -> None:
    """Refuse values that GX would take from elsewhere when the suite runs.

    Raises:
        ContractProblem: A value is `{"$PARAMETER": ...}`.
    """
    for name, value in kwargs.items():
        if isinstance(value, dict) and _PARAMETER in value:
            what = f"{_PARAMETER} is not supported. A contract stands by itself."
            raise ContractProblem(f"kwargs.{name}", what, "Give the value.")


def is_default(name: str, value: JsonValue) -> bool:
    """Return whether it is a member of GX's own that may be left out, with the value that it then has."""
    if name not in _MEMBERS:
        return False
    default, _ = _MEMBERS[name]
    return value is None or (value == default and isinstance(value, bool) == isinstance(default, bool))


def refuse_member(name: str) -> None:
    """Refuse a member that GX knows and that is not supported here.

    Raises:
        ContractProblem: It is such a one.
    """
    if name in _MEMBERS:
        _, refusal = _MEMBERS[name]
        raise ContractProblem(f"kwargs.{name}", f"It is not supported. {refusal.why}", refusal.next_step)
