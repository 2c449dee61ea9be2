"""What the gates ask of the output: each looks at what was scored, and at the last good run."""

from collections.abc import Iterator
from typing import Final

from scoring.counted import be, counted
from scoring.gates.psi import population_stability_index
from scoring.gates.settings import GateSettings
from scoring.last_good import LastGood
from scoring.manifest import GateResult
from scoring.output_profile import ColumnProfile, OutputProfile

_NO_LAST: Final = "Not applicable: there is no last good run."
_NO_PROFILE: Final = "Not applicable: the last good run has no profile."


def ask_gates(
    compared: OutputProfile, n_scored: int, last: LastGood | None, settings: GateSettings
) -> list[GateResult]:
    """What the gates say that look at the output; none for those that are off.

    Args:
        compared: The output columns, with the edges of the last good run.
        n_scored: Rows of the predictions.
        last: The last good run.
        settings: Actions and thresholds.
    """
    asked = _Asked(compared, n_scored, last, settings)
    gates = {
        "row_count": asked.row_count,
        "null_share": asked.null_shares,
        "constant_output": asked.constant_outputs,
        "psi": asked.stability,
    }
    return [result for name, ask in gates.items() if settings.action_of(name) != "off" for result in ask()]


def result_of(
    settings: GateSettings,
    name: str,
    message: str,
    *,
    passed: bool = True,
    column: str | None = None,
    value: float | None = None,
    threshold: float | None = None,
) -> GateResult:
    """What a gate says, with the action that its setting names; by default that it does not apply."""
    return GateResult(
        name=name,
        column=column,
        value=value,
        threshold=threshold,
        action="stop" if settings.action_of(name) == "stop" else "warn",
        passed=passed,
        message=message,
    )


class _Asked:
    def __init__(self, compared: OutputProfile, n_scored: int, last: LastGood | None, settings: GateSettings) -> None:
        self._columns = compared.columns
        self._n_scored = n_scored
        self._last = last
        self._before = {column.name: column for column in last.profile.columns} if last and last.profile else {}
        self._settings = settings

    def row_count(self) -> Iterator[GateResult]:
        limit, last = self._settings.row_count_change, self._last
        if last is None or not last.manifest.n_scored:
            yield result_of(self._settings, "row_count", _NO_LAST, threshold=limit)
            return
        before = last.manifest.n_scored
        change = (self._n_scored - before) / before
        yield result_of(
            self._settings,
            "row_count",
            f"{counted(self._n_scored, 'row')} {be(self._n_scored)} scored, {change:+.0%} on the {before:,} of"
            f" {last.version.folder}.",
            passed=abs(change) <= limit,
            value=abs(change),
            threshold=limit,
        )

    def null_shares(self) -> Iterator[GateResult]:
        limit = self._settings.null_share_limit
        for column in self._columns:
            share = column.n_null / column.n_rows if column.n_rows else 0.0
            yield result_of(
                self._settings,
                "null_share",
                f"{column.n_null:,} of the {column.n_rows:,} cells of {column.name!r} {be(column.n_null)} missing.",
                passed=share <= limit,
                column=column.name,
                value=share,
                threshold=limit,
            )

    def constant_outputs(self) -> Iterator[GateResult]:
        limit = self._settings.constant_output_rows
        for column in self._columns:
            n_values, before = column.n_rows - column.n_null, self._before.get(column.name)
            if not column.is_constant:
                found, passed = f"{column.name!r} has several values.", True
            elif before is not None and before.is_constant:
                found, passed = f"{column.name!r} has a single value, as in the last good run.", True
            else:
                found = f"{column.name!r} has the same value in all of {counted(n_values, 'row')}."
                passed = n_values <= limit
            yield result_of(
                self._settings,
                "constant_output",
                found,
                passed=passed,
                column=column.name,
                value=n_values if column.is_constant else 0,
                threshold=limit,
            )

    def stability(self) -> Iterator[GateResult]:
        if self._last is None or self._last.profile is None:
            yield result_of(self._settings, "psi", _NO_LAST if self._last is None else _NO_PROFILE)
            return
        names = {column.name for column in self._columns}
        for column in self._columns:
            yield self._stability_of(column, self._before.get(column.name))
        for name, before in self._before.items():
            if before.is_numeric and name not in names:
                yield self._lost(name, f"The output has no column {name!r} any more.")

    def _stability_of(self, column: ColumnProfile, before: ColumnProfile | None) -> GateResult:
        name, least = column.name, self._settings.psi_rows
        if before is None or not before.is_numeric:
            reason = f"{name!r} was no column of numbers in the last good run"
            return result_of(self._settings, "psi", f"Not applicable: {reason}.", column=name)
        if not column.is_numeric and column.n_null < column.n_rows:
            return self._lost(name, f"{name!r} holds cells that are no number, as none was in the last good run.")
        n_values = min(sum(column.counts), sum(before.counts))
        if n_values < least:
            reason = f"{name!r} has {n_values:,} values on one side, and fewer than {least:,} tell nothing"
            return result_of(self._settings, "psi", f"Not applicable: {reason}.", column=name)
        index = population_stability_index(before.counts, column.counts)
        return result_of(
            self._settings,
            "psi",
            f"The population stability index of {name!r} against {self._folder} is {index:.3f}.",
            passed=index <= self._settings.psi_limit,
            column=name,
            value=index,
            threshold=self._settings.psi_limit,
        )

    def _lost(self, name: str, message: str) -> GateResult:
        limit = self._settings.psi_limit
        return result_of(self._settings, "psi", message, passed=False, column=name, threshold=limit)

    @property
    def _folder(self) -> str:
        return self._last.version.folder if self._last else ""
