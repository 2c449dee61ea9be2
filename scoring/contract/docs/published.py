"""What may be stored and shown of a suite's result: figures and a few short examples, none of them secret."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from scoring.contract.rules.figures import TOO_MANY_DISTINCT
from scoring.contract.rules.members import in_words
from scoring.contract.spelling import MAX_LISTED_VALUES, REDACTED, listed

# A review can be pages long, and a page is for reading.
MAX_TEXT_CHARACTERS: Final = 200
# As many as GX tells of the values that break a rule.
MAX_VALUES: Final = 20

# What is left of the result of a rule about a sensitive column: numbers of rows, and no value of any.
_COUNTS: Final = frozenset(
    {
        "element_count",
        "missing_count",
        "missing_percent",
        "unexpected_count",
        "unexpected_percent",
        "unexpected_percent_total",
        "unexpected_percent_nonmissing",
        "unexpected_index_column_names",
    }
)
# They repeat the examples, and the first claims to be all of the values.
_REPEATED: Final = frozenset({"unexpected_list", "partial_unexpected_index_list"})
# GX's own, about how it was run.
_NOT_OF_THE_RULE: Final = frozenset({"batch_id", "row_condition", "condition_parser"})
_META: Final = ("great_expectations_version", "run_id", "validation_time")
_PLACE: Final = "where"
# What rules about distinct values find, with its number and what it says.
_LISTS: Final = (
    ("partial_unexpected_list", "unexpected_count", "unexpected"),
    ("partial_missing_list", "missing_count", "missing"),
)
# Number of all values of which a result holds the first.
_N_OBSERVED: Final = "observed_count"


def published(result: Mapping[str, Any], *, sensitive: Collection[str]) -> dict[str, Any]:
    """Return what is stored of a suite's result.

    Args:
        result: GX's result of the suite, as JSON.
        sensitive: Columns whose cells are shown nowhere; nor are those beside them in a rule over several columns.
    """
    return {
        "suite_name": result["suite_name"],
        "success": result["success"],
        "statistics": result["statistics"],
        # All else that GX tells is about the table in memory that stands in for the files.
        "meta": {name: result["meta"][name] for name in _META},
        "results": [_published_rule(one, sensitive) for one in result["results"]],
    }


def drawn(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what GX's pages are drawn from: each row that breaks a rule in one text, with its place in another.

    GX's own table has a column for each part of a place, in which the file is repeated for every row of one value.

    Args:
        result: A published result.
    """
    # The header of GX's pages shows it.
    meta = result["meta"] | {"batch_spec": {"data_asset_name": result["suite_name"]}}
    rules = [one | {"result": _drawn_rule(one)} for one in result["results"]]
    return {**result, "meta": meta, "results": rules}


def observed(figures: Mapping[str, Any]) -> str:
    """Put into words, to follow "but", what a rule about a column or the table found; empty for a rule about rows.

    Args:
        figures: A rule's result, published.

    Returns:
        One line, such as `it is 7`, `'a' and 'b' are unexpected`, or `there is no value`.
    """
    if not figures or "element_count" in figures:
        return ""
    found = figures.get("observed_value")
    if found is None:
        parts = [_part(figures[name], figures.get(n_all), says) for name, n_all, says in _LISTS if figures.get(name)]
        return "; ".join(parts) or _NO_VALUE
    if found == TOO_MANY_DISTINCT:
        return f"there are {found}"
    if isinstance(found, Mapping):
        return _quantiles(found)
    if isinstance(found, list):
        return _several(found, figures.get(_N_OBSERVED))
    return f"it is {_value_in_words(found)}"


_NO_VALUE: Final = "there is no value"


def _quantiles(found: Mapping[str, Any]) -> str:
    values = found["values"]
    if all(value is None for value in values):
        return _NO_VALUE
    pairs = zip(found["quantiles"], values, strict=True)
    return listed(f"quantile {in_words(share)} is {in_words(value)}" for share, value in pairs)


def _part(values: Sequence[Any], n_all: int | None, says: str) -> str:
    return f"{_values(values, n_all)} {'is' if max(len(values), n_all or 0) == 1 else 'are'} {says}"


def _several(values: Sequence[Any], n_all: int | None) -> str:
    if not values:
        return _NO_VALUE
    return f"{'it is' if len(values) == 1 else 'they are'} {_values(values, n_all)}"


def _values(values: Sequence[Any], n_all: int | None) -> str:
    return listed(map(_value_in_words, values[:MAX_LISTED_VALUES]), n_all=max(len(values), n_all or 0))


def _value_in_words(value: object) -> str:
    return REDACTED if value == REDACTED else in_words(value)


def columns_of(configuration: Mapping[str, Any]) -> list[str]:
    """Return the columns whose cells an expectation is about; none for one about the table.

    Args:
        configuration: The expectation as GX writes it: `type` and `kwargs`.
    """
    kwargs = configuration["kwargs"]
    if configuration["type"].startswith("expect_table_"):
        return []
    one_by_one = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return [*one_by_one, *kwargs.get("column_list", [])]


def in_every_text(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401
    """Return a JSON value with all its texts changed, names of members included."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {change(name): in_every_text(item, change) for name, item in value.items()}
        case list() | tuple():
            return [in_every_text(item, change) for item in value]
        case _:
            return value


def _published_rule(one: Mapping[str, Any], sensitive: Collection[str]) -> dict[str, Any]:
    figures = {name: value for name, value in one["result"].items() if name not in _REPEATED}
    columns = columns_of(one["expectation_config"])
    if not set(sensitive).isdisjoint(columns):
        figures = _without_cells(figures)
    values = figures.get("observed_value")
    if columns and isinstance(values, list) and len(values) > MAX_VALUES:
        # All values of a column may be the most common one.
        figures |= {"observed_value": values[:MAX_VALUES], _N_OBSERVED: len(values)}
    configuration = one["expectation_config"]
    kwargs = {name: value for name, value in configuration["kwargs"].items() if name not in _NOT_OF_THE_RULE}
    return {
        "success": one["success"],
        "expectation_config": configuration | {"kwargs": kwargs},
        "result": in_every_text(figures, lambda text: text[:MAX_TEXT_CHARACTERS]),
        "meta": one["meta"],
        "exception_info": one["exception_info"],
    }


def _without_cells(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many rows break a rule and where they stand, and nothing of what is in them."""
    kept = {name: value for name, value in figures.items() if name in _COUNTS}
    if "observed_value" in figures:
        kept["observed_value"] = _without_values(figures["observed_value"])
    rows = figures.get("unexpected_index_list")
    if rows:
        places = _places(rows)
        kept["unexpected_index_list"] = [
            {name: value if name in places else REDACTED for name, value in row.items()} for row in rows
        ]
        kept["partial_unexpected_list"] = [REDACTED]
        kept["partial_unexpected_counts"] = [{"value": REDACTED, "count": len(rows)}]
    return kept


def _without_values(found: object) -> object:
    if isinstance(found, Mapping) and {"quantiles", "values"} <= found.keys():
        # GX draws a table of them.
        return {"quantiles": found["quantiles"], "values": [REDACTED] * len(found["values"])}
    return found if found == TOO_MANY_DISTINCT else REDACTED


def _drawn_rule(one: Mapping[str, Any]) -> dict[str, Any]:
    figures = one["result"]
    if "element_count" not in figures and columns_of(one["expectation_config"]):
        return _drawn_column(figures)
    rows = figures.get("unexpected_index_list")
    if not rows:
        return dict(figures)
    places = _places(rows)
    values = [_value(row, places) for row in rows]
    return {
        **figures,
        "partial_unexpected_list": values,
        "partial_unexpected_counts": [{"value": value, "count": n} for value, n in Counter(values).most_common()],
        "unexpected_index_list": [
            {"value": value, _PLACE: _place(row, places)} for value, row in zip(values, rows, strict=True)
        ],
        "unexpected_index_column_names": [_PLACE],
    }


def _drawn_column(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rule about a column found, as text where it is a list.

    GX stumbles over unexpected values that no rows are told of, and writes other lists as Python does.
    """
    of_lists = {name for names in _LISTS for name in names[:2]}
    kept = {name: value for name, value in figures.items() if name not in of_lists}
    if any(figures.get(name) for name, _, _ in _LISTS) or isinstance(figures.get("observed_value"), list):
        kept["observed_value"] = observed(figures)
    return kept


def _places(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What file, record and line are called: they stand behind the cells. Not every expectation of GX's names them."""
    return list(rows[0])[-3:]


def _value(row: Mapping[str, Any], places: Sequence[str]) -> str:
    cells = {name: "(empty)" if cell is None else str(cell) for name, cell in row.items() if name not in places}
    if len(cells) == 1 or set(cells.values()) == {REDACTED}:
        return next(iter(cells.values()))
    return ", ".join(f"{name} = {cell}" for name, cell in cells.items())


def _place(row: Mapping[str, Any], places: Sequence[str]) -> str:
    file, _, line = (row[name] for name in places)
    return f"{file} line {line}"
