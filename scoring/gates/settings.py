"""What is asked of a run before it is published, and what follows when the answer is no."""

from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Action = Literal["off", "warn", "stop"]

GATES: Final = ("row_count", "null_share", "constant_output", "psi", "golden_rows", "golden_job")
"""The gates, in the order in which they are told; each is a setting whose value is its action."""
GOLDEN: Final = ("golden_rows", "golden_job")
"""Those that are asked before anything is sent."""


class GateSettings(BaseSettings):
    """Settings of the gates before publishing; environment names start with `BATCH_SCORING_GATE_`.

    They are no part of the work: whoever changes one has nothing scored again.
    """

    model_config = SettingsConfigDict(env_prefix="BATCH_SCORING_GATE_", frozen=True, extra="forbid")

    row_count: Action = Field("warn", description="Scored rows against the last good run.")
    row_count_change: float = Field(
        0.5, ge=0, allow_inf_nan=False, description="Most that their number may change, up or down; 0.5 is by half."
    )
    null_share: Action = Field("warn", description="Missing cells of each output column: empty ones, and NaN.")
    null_share_limit: float = Field(0.05, ge=0, le=1, description="Most of a column's cells that may be missing.")
    constant_output: Action = Field(
        "warn", description="Output columns with the same value in all rows that had others in the last good run."
    )
    constant_output_rows: int = Field(100, ge=1, description="So many rows may well hold the same value.")
    psi: Action = Field(
        "warn", description="Population stability index of each numeric output column against the last good run."
    )
    # The field's custom: below 0.1 nothing has changed, beyond 0.25 it is another population.
    psi_limit: float = Field(0.25, ge=0, allow_inf_nan=False, description="Most that the index may be.")
    # Of equal populations the index is about (bins - 1) * (1/n + 1/m): with 500 values on each side 0.04, and in 99 of
    # 100 cases below 0.1.
    psi_rows: int = Field(500, ge=1, description="With fewer values on either side the index is not asked for.")
    golden_rows: Action = Field(
        "stop", description="The contract's golden rows, by one call of RRS before any job is submitted."
    )
    golden_job: Action = Field(
        "stop", description="The contract's golden rows, by a job of their own before those of the run."
    )

    def action_of(self, gate: str) -> Action:
        """What follows when a gate does not hold."""
        action: Action = getattr(self, gate)
        return action

    def never_stopping(self) -> "GateSettings":
        """The same with a warning wherever a run would be stopped."""
        return self.model_copy(update={gate: "warn" for gate in GATES if self.action_of(gate) == "stop"})
