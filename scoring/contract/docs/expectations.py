"""The contract's expectations, run by Great Expectations on a finished pass, and its Data Docs.

The only module that knows Great Expectations. Importing it costs seconds, so it is imported when the pass is over and
not before.

GX runs the suite as it would on any data: a checkpoint, its own reading of `mostly`, its percentages, severities,
results and pages. Only the rows are not there: the execution engine answers every metric from what the pass has
counted. Metric names and `resolve_metrics` are no public API of GX. The version is therefore pinned exactly, and the
parity tests, which run every supported expectation through GX's own engine as well, are the contract with it.
"""

import logging
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from bes.errors import InputError
from scoring.contract.docs.asking import Evaluation, RuleResult
from scoring.contract.docs.datadocs import folder_name, keep, safe_page, with_stand_ins
from scoring.contract.docs.metrics import ALL_RECORDS, MetricAnswers, place_names
from scoring.contract.docs.published import drawn, observed, published
from scoring.contract.docs.unanswered import not_evaluated, refuse_unanswered, unmet_if_uncounted
from scoring.contract.model import Contract
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule
from scoring.late_imports import as_if_not_installed, loaded_at_first_use, without_garbage_collection

# GX writes hundreds of lines at INFO, and at WARNING what a metric failed for: that becomes an error of ours.
logging.getLogger("great_expectations").setLevel(logging.ERROR)
# `scipy.stats` and `altair` are a third of GX's import, and only expectations about distributions use them. SQLAlchemy
# is a fifth of the rest, and GX does without it where no database is read, as it does without the storage's SDK.
with (
    warnings.catch_warnings(),
    without_garbage_collection(),
    loaded_at_first_use("scipy.stats", "altair"),
    as_if_not_installed("sqlalchemy", "azure.storage.blob"),
):
    # GX meets deprecations of its own dependencies at import; none of them is for our users to mend.
    warnings.simplefilter("ignore")
    import great_expectations as gx
    import pandas as pd
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.core.expectation_validation_result import (
        ExpectationValidationResult,
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.store.validation_results_store import ValidationResultsStore
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig
    from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
    from great_expectations.exceptions.exceptions import MetricResolutionError
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.expectations.core.expect_column_values_to_be_null import ExpectColumnValuesToBeNull
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
        ColumnMapMetricProvider,
    )
    from great_expectations.render.components import LegacyDiagnosticRendererType
    from great_expectations.render.renderer.page_renderer import (
        ExpectationSuitePageRenderer,
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.renderer.renderer import renderer
    from great_expectations.render.view.view import DefaultJinjaPageView
    from great_expectations.validator.metric_configuration import MetricConfiguration

# The column of the one expectation that is about records and not about cells.
RECORD_STRUCTURE: Final = "(record structure)"

# GX keeps the current project in a global variable.
_ONE_AT_A_TIME: Final = threading.Lock()
_ANSWERS: Final = "answers"
# GX types it in part. Compiling its templates takes longer than to draw a page by them, so it is kept.
_VIEW: Final[Any] = DefaultJinjaPageView()


class StreamedMetricsEngine(PandasExecutionEngine):
    """Answers every metric from a finished pass, and never looks at a row."""

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: Any = None,  # noqa: ANN401, ARG002
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[Any, Any]:
        """Return the values by the metrics' identities; the first that has none ends it, with its name."""
        data = self.batch_manager.active_batch_data
        answers: MetricAnswers = data.dataframe.attrs[_ANSWERS]  # type: ignore[union-attr]  # of this engine's own kind
        resolved = {}
        for metric in metrics_to_resolve:
            about, arguments = metric.metric_domain_kwargs, metric.metric_value_kwargs
            try:
                resolved[metric.id] = answers.answer(metric.metric_name, about, arguments)
            except Exception as error:
                raise MetricResolutionError(message=str(error), failed_metrics=(metric,)) from error
        return resolved


# In the class below, `type` is GX's field.
_EngineType = type[PandasExecutionEngine]


class StreamedCsvDatasource(PandasDatasource):
    """Files that were read once, block by block; in their place stands a table with their columns and no row."""

    type: Literal["streamed_csv"] = "streamed_csv"  # type: ignore[assignment]  # GX's way to name another kind

    @property
    def execution_engine_type(self) -> _EngineType:
        """The engine that GX asks."""
        return StreamedMetricsEngine


class UnstoredResults(ValidationResultsStore):
    """Keeps nothing of a result: what of it may be stored is decided later.

    It also spares GX's own writing, which ends in a TypeError where an expectation about quantiles took part.
    """

    def serialize(self, value: object) -> str:  # noqa: ARG002
        """Return nothing to keep."""
        return ""


class ExpectRecordsToBeReadable(ExpectColumnValuesToBeNull):
    """What GX has no expectation for, counted as cells that must be empty; of those its page would show a share."""

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,  # noqa: ARG003
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
        **_: object,
    ) -> str:
        return cls._get_observed_value_from_evr(result=result)


def _answers_of_rows(metric: str, *arguments: str) -> None:
    """Tell GX that the streamed engine has a metric that its own pandas engine has not."""

    @column_condition_partial(engine=StreamedMetricsEngine)
    def condition(cls: object, column: object, **_: object) -> None:
        raise NotImplementedError(metric)

    members = {"condition_metric_name": metric, "condition_value_keys": arguments, "_condition": condition}
    type(metric, (ColumnMapMetricProvider,), members)


for _like in ("match_like_pattern", "not_match_like_pattern"):
    _answers_of_rows(f"column_values.{_like}", "like_pattern", "escape")
_answers_of_rows("column_values.match_like_pattern_list", "like_pattern_list", "match_on", "escape")
_answers_of_rows("column_values.not_match_like_pattern_list", "like_pattern_list", "escape")


def evaluate(
    profile: Profile, rules: Sequence[Rule], contract: Contract, *, docs_dir: Path, run_name: str
) -> Evaluation:
    """Run the contract's expectations on what a pass has counted, and write the Data Docs: `asking.evaluate`, here.

    Raises:
        InputError: GX could not evaluate a rule.
    """
    result = published(validate(profile, rules, contract, run_name=run_name), sensitive=contract.sensitive)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page, suite_page = _pages(result)
    # The first is about records, and belongs to no rule.
    _, *of_rules = result["results"]
    return Evaluation(
        results=tuple(RuleResult(success=one["success"], observed=observed(one["result"])) for one in of_rules),
        docs_index=keep(docs_dir, result, page=page, suite=suite_page),
    )


def validate(profile: Profile, rules: Sequence[Rule], contract: Contract, *, run_name: str) -> dict[str, Any]:
    """Run the contract's expectations on what a pass has counted, one validation at a time.

    Returns:
        GX's own result as JSON, cells and all. The first of its `results` is about the records, whether they could be
        read or not; the others are those of the rules, in their order.

    Raises:
        InputError: GX could not evaluate a rule.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expectations = [_expectation(rule.configuration) for rule in rules]
        judged = [(rule, one.configuration.kwargs) for rule, one in zip(rules, expectations, strict=True)]
        suite = ExpectationSuite(name=contract.name, expectations=[_expectation(_STRUCTURE), *expectations])
        result = _run_checkpoint(suite, _stand_in(profile, MetricAnswers(profile, judged)), run_name)
    by_identity = {one["expectation_config"]["id"]: one for one in result["results"]}
    # GX groups them by column and puts those that failed first; the success of one about quantiles is numpy's.
    structure, *others = [by_identity[expectation.id] for expectation in suite.expectations]
    told = [structure, *(unmet_if_uncounted(one, rule, profile) for one, rule in zip(others, rules, strict=True))]
    for one in told:
        refuse_unanswered(one, contract.sensitive)
    return result | {"results": [one | {"success": bool(one["success"])} for one in told]}


_STRUCTURE: Final[dict[str, Any]] = {
    "type": "expect_records_to_be_readable",
    "kwargs": {"column": RECORD_STRUCTURE, "row_condition": ALL_RECORDS, "condition_parser": "pandas"},
    "severity": "critical",
    "description": "every record must be readable: as many cells as columns, sound quoting, UTF-8",
}


def _expectation(configuration: Mapping[str, Any]) -> Expectation:
    # GX gives the identities itself, and knows none but its own.
    members = {name: value for name, value in configuration.items() if name != "id" and value is not None}
    try:
        return ExpectationConfiguration(**members).to_domain_obj()
    except Exception as error:
        raise not_evaluated(configuration, str(error)) from error


def _stand_in(profile: Profile, answers: MetricAnswers) -> pd.DataFrame:
    frame = pd.DataFrame(columns=list(profile.columns), dtype=object)
    frame.attrs[_ANSWERS] = answers
    return frame


def _run_checkpoint(suite: ExpectationSuite, frame: pd.DataFrame, run_name: str) -> dict[str, Any]:
    """Validate the suite, and return the result as JSON."""
    context = gx.get_context(mode="ephemeral", project_config=_project())
    source = context.data_sources.add_streamed_csv("input")
    rows = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("rows")
    definition = gx.ValidationDefinition(name=suite.name, data=rows, suite=context.suites.add(suite))
    context.validation_definitions.add(definition)
    result_format = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": list(place_names(frame.columns)),
        "return_unexpected_index_query": False,
    }
    checkpoint = gx.Checkpoint(name=suite.name, validation_definitions=[definition], result_format=result_format)
    context.checkpoints.add(checkpoint)
    run_id = RunIdentifier(run_name=folder_name(run_name))
    try:
        outcome = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run_id)
    except Exception as error:
        # What it says may hold a cell.
        raise InputError(
            f"Great Expectations could not evaluate the suite {suite.name!r}: it ended with {type(error).__name__}.",
            "Mend the suite of the contract.",
        ) from error
    result: dict[str, Any] = next(iter(outcome.run_results.values())).to_json_dict()  # type: ignore[no-untyped-call]
    return result


def _project() -> DataContextConfig:
    """Return a project that reads nothing from disk and writes nothing to it."""
    kinds = {
        "suites": "ExpectationsStore",
        "checkpoints": "CheckpointStore",
        "validation_definition_store": "ValidationDefinitionStore",
    }
    unstored = {"class_name": UnstoredResults.__name__, "module_name": UnstoredResults.__module__}
    memory = {"store_backend": {"class_name": "InMemoryStoreBackend"}}
    return DataContextConfig(
        config_version=4.0,
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores={"results": unstored | memory, **{name: {"class_name": kind} | memory for name, kind in kinds.items()}},
        data_docs_sites={},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _pages(result: Mapping[str, Any]) -> tuple[str, str]:
    """Draw the page of the run and that of its suite."""
    shown = with_stand_ins(drawn(result))
    run = expectationSuiteValidationResultSchema.load(shown)
    expectations = [_expectation(one["expectation_config"]) for one in shown["results"]]
    suite = ExpectationSuite(name=result["suite_name"], expectations=expectations)
    outcome = "passed" if result["success"] else "failed"
    run_title = f"{result['suite_name']} {outcome}: {result['meta']['run_id']['run_name']}"
    # GX's renderers are typed in part.
    renderers: tuple[Any, Any] = (ValidationResultsPageRenderer(run_info_at_end=True), ExpectationSuitePageRenderer())
    run_page, suite_page = (_VIEW.render(one.render(its)) for one, its in zip(renderers, (run, suite), strict=True))
    return safe_page(run_page, title=run_title), safe_page(suite_page, title=f"Suite {result['suite_name']}")
