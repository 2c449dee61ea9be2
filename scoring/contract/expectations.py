"""The contract's expectations, run by Great Expectations, and its Data Docs.

The only module that knows Great Expectations. Importing it costs seconds, so it is imported when a check begins and
not before. Whatever goes into stored results and pages is HTML-escaped first: GX writes cells into its pages as they
are, and a review that holds a script would otherwise run in the browser of whoever looks into the quarantine.
"""

import logging
import operator
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bes.errors import InputError
from scoring.contract.datadocs import RESULTS_FOLDER, make_safe, published, write_index
from scoring.contract.findings import Finding, TableFailure
from scoring.contract.model import Contract
from scoring.contract.rules import Rule, rules_of
from scoring.contract.table import InputTable
from scoring.contract.typed import typed_column

# GX writes hundreds of lines at INFO, and one at WARNING for each metric that is replaced below.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
logging.getLogger("great_expectations.expectations.registry").setLevel(logging.ERROR)
with warnings.catch_warnings():
    # GX meets deprecations of its own dependencies at import; none of them is for our users to mend.
    warnings.simplefilter("ignore")
    import great_expectations as gx
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
        ColumnMapMetricProvider,
    )

MAX_RUN_NAME_CHARACTERS: Final = 200

_PUBLISHED: Final = "published_results"
# `exclude_unexpected_values`: with the values, a file that is bad throughout costs GX minutes and gigabytes.
_RESULT_FORMAT: Final = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}
# GX keeps the current project in a global variable.
_ONE_AT_A_TIME: Final = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the suite says about a table.

    Args:
        findings: One per row and broken rule, in the order of the suite.
        table_failures: Rules about the whole table that do not hold.
        docs_index: The first page of the Data Docs.
    """

    findings: tuple[Finding, ...]
    table_failures: tuple[TableFailure, ...]
    docs_index: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What GX found for a rule, and what we say of it: findings, or a failure of the whole table."""

    result: ExpectationValidationResult
    findings: tuple[Finding, ...] = ()
    table_failure: TableFailure | None = None


def evaluate(table: InputTable, contract: Contract, *, docs_dir: Path, run_name: str) -> Evaluation:
    """Run the contract's expectations over the table, and write the Data Docs.

    Args:
        table: The input as text.
        contract: Where it declares a column as a number, the cells are judged as numbers, and one that is none is
            found by the rule `type`.
        docs_dir: The pages come here, and the stored results under `results`; runs add up in it.
        run_name: What the run is called in the pages; cut to 200 characters, and any but ASCII letters,
            digits, `_` and `-` become `-`.

    Raises:
        InputError: GX could not evaluate a rule.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral", project_config=_project(docs_dir.resolve()))
        rules = rules_of(contract)
        configurations = [rule.configuration for rule in rules]
        suite = context.suites.add(ExpectationSuite(name=contract.name, expectations=configurations))
        key, suite_result = _run_checkpoint(context, suite, _typed(table, contract), run_name)
        results = {one.expectation_config.id: one for one in suite_result.results if one.expectation_config}
        answers = [
            _answer(rule, results[expectation.id], table)
            for rule, expectation in zip(rules, suite.expectations, strict=True)
        ]
        _publish(context, key, suite_result, answers)
    make_safe(docs_dir)
    return Evaluation(
        findings=tuple(finding for answer in answers for finding in answer.findings),
        table_failures=tuple(answer.table_failure for answer in answers if answer.table_failure),
        docs_index=write_index(docs_dir),
    )


def _typed(table: InputTable, contract: Contract) -> pd.DataFrame:
    return pd.DataFrame({name: typed_column(table.text[name], type_) for name, type_ in contract.columns.items()})


def _project(docs_dir: Path) -> DataContextConfig:
    """Return a project that reads nothing from disk: what GX measures stays in memory, what we publish is stored."""
    memory = {"class_name": "InMemoryStoreBackend"}
    return DataContextConfig(
        config_version=4.0,
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores={
            "suites": {"class_name": "ExpectationsStore", "store_backend": memory},
            "results": {"class_name": "ValidationResultsStore", "store_backend": memory},
            "checkpoints": {"class_name": "CheckpointStore", "store_backend": memory},
            "validation_definition_store": {"class_name": "ValidationDefinitionStore", "store_backend": memory},
            _PUBLISHED: {"class_name": "ValidationResultsStore", "store_backend": _folder(docs_dir / RESULTS_FOLDER)},
        },
        data_docs_sites={
            "data_docs": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": _folder(docs_dir),
                "site_section_builders": {
                    "validations": {
                        "class_name": "DefaultSiteSectionBuilder",
                        "source_store_name": _PUBLISHED,
                        "renderer": {"class_name": "ValidationResultsPageRenderer"},
                        # Without it GX leaves out runs that have "profiling" in their name.
                        "run_name_filter": {"matches_regex": "."},
                    },
                    # GX's word for "no such section"; it does not take None.
                    "profiling": "None",
                },
            }
        },
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _folder(path: Path) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path)}


def _run_checkpoint(
    context: EphemeralDataContext, suite: ExpectationSuite, frame: pd.DataFrame, run_name: str
) -> tuple[ValidationResultIdentifier, ExpectationSuiteValidationResult]:
    asset = context.data_sources.add_pandas("input").add_dataframe_asset(suite.name)
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=asset.add_batch_definition_whole_dataframe("rows"), suite=suite)
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name=suite.name, validation_definitions=[definition], result_format=_RESULT_FORMAT)
    )
    run_id = RunIdentifier(run_name=_folder_name(run_name))
    outcome = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run_id)
    return next(iter(outcome.run_results.items()))


def _folder_name(run_name: str) -> str:
    # File systems end names at 255 bytes, and ASCII has one a character.
    return re.sub(r"[^A-Za-z0-9_-]", "-", run_name)[:MAX_RUN_NAME_CHARACTERS] or "run"


def _answer(rule: Rule, result: ExpectationValidationResult, table: InputTable) -> _Answer:
    """Read GX's result; what it could not evaluate is an error, never a rule that holds."""
    found = result.result
    if rule.column and len(found.get("unexpected_index_list", [])) == found.get("unexpected_count"):
        return _Answer(result=result, findings=tuple(_findings(rule, found["unexpected_index_list"], table)))
    if not rule.column and "observed_value" in found:
        failure = TableFailure(
            rule=rule.name, severity=rule.severity, message=rule.message, observed=str(found["observed_value"])
        )
        return _Answer(result=result, table_failure=None if result.success else failure)
    raise InputError(
        f"Great Expectations could not evaluate {rule.name} {rule.column!r}: {_reason(result)}.",
        "Mend that expectation in the contract.",
    )


def _reason(result: ExpectationValidationResult) -> str:
    """GX gives the reason in two shapes: flat, or by the identity of the metric that failed."""
    information = result.exception_info or {}
    details = [information, *(value for value in information.values() if isinstance(value, dict))]
    return next((str(one["exception_message"]) for one in details if one.get("exception_message")), "no reason given")


def _findings(rule: Rule, rows: list[int], table: InputTable) -> Iterator[Finding]:
    cells = table.text[rule.column].iloc[rows]
    for row, cell in zip(rows, cells, strict=True):
        yield Finding(
            row=row,
            file=table.file_of(row),
            record=int(table.record[row]),
            line=int(table.line[row]),
            column=rule.column,
            rule=rule.name,
            severity=rule.severity,
            value=cell,
            message=rule.message,
        )


def _publish(
    context: EphemeralDataContext,
    key: ValidationResultIdentifier,
    suite_result: ExpectationSuiteValidationResult,
    answers: Sequence[_Answer],
) -> None:
    """Store the result with a few escaped examples a rule, and build the pages from what is stored."""
    for answer in answers:
        answer.result.result = published(answer.result.result, answer.findings)
    context.stores[_PUBLISHED].set(key, suite_result)
    context.build_data_docs(resource_identifiers=[key], build_index=False)
    suite = ExpectationSuiteIdentifier(name=suite_result.suite_name)
    context.build_data_docs(resource_identifiers=[suite], build_index=False)


class _Between(ColumnMapMetricProvider):
    """`between` for columns of numbers in which a cell may be text. GX's own would end at the first such cell.

    A text has no place in the order and passes; the rule `type` finds it.
    """

    condition_metric_name = "column_values.between"
    condition_value_keys = ("min_value", "max_value", "strict_min", "strict_max")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **bounds: Any) -> pd.Series:  # noqa: ANN401, N805
        lowest, highest = bounds.get("min_value"), bounds.get("max_value")
        above = operator.gt if bounds.get("strict_min") else operator.ge
        below = operator.lt if bounds.get("strict_max") else operator.le

        def passes(cell: float | str) -> bool:
            if isinstance(cell, str):
                return True
            return (lowest is None or above(cell, lowest)) and (highest is None or below(cell, highest))

        return column.map(passes)


class _MatchRegex(ColumnMapMetricProvider):
    """`match_regex` by RE2: in linear time, and with `$` as the very end of the text.

    GX's own goes by Python's `re`, whose `$` lets a line end at the end of a key pass.
    """

    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, regex: str, **_: Any) -> pd.Series:  # noqa: ANN401, N805
        return _matches(column, regex)


class _NotMatchRegex(ColumnMapMetricProvider):
    """`not_match_regex` by RE2."""

    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, regex: str, **_: Any) -> pd.Series:  # noqa: ANN401, N805
        return ~_matches(column, regex)


def _matches(column: pd.Series, regex: str) -> pd.Series:
    matched = pc.match_substring_regex(pa.array(column, type=pa.large_string()), pattern=regex)
    return pd.Series(matched.to_numpy(zero_copy_only=False), index=column.index)
