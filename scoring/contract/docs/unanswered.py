"""Expectations that Great Expectations could not evaluate: each is an error, never a rule that holds."""

from collections.abc import Collection, Mapping
from typing import Any

from bes.errors import InputError
from scoring.contract.docs.published import columns_of


def refuse_unanswered(result: Mapping[str, Any], sensitive: Collection[str]) -> None:
    """Refuse the result of an expectation that was not evaluated.

    Args:
        result: GX's result of one expectation, as JSON.
        sensitive: Columns whose cells are shown nowhere: of a rule about one of them, GX's reason is not told.

    Raises:
        InputError: It was not evaluated.
    """
    information = result["exception_info"]
    # Flat, or by the identity of the metric that failed.
    details = [information, *(value for value in information.values() if isinstance(value, dict))]
    reasons = [str(one.get("exception_message")) for one in details if one.get("raised_exception")]
    if reasons or not (result["result"] or result["success"]):
        configuration = result["expectation_config"]
        is_secret = not set(sensitive).isdisjoint(columns_of(configuration))
        reason = "; ".join(dict.fromkeys(reasons)) or "no reason given"
        raise not_evaluated(configuration, "the reason may show a cell of a sensitive column" if is_secret else reason)


def not_evaluated(configuration: Mapping[str, Any], reason: str) -> InputError:
    """Return the error that names an expectation.

    Args:
        configuration: The expectation as GX writes it: `type` and `kwargs`.
        reason: Why it could not be evaluated.
    """
    about = {name: value for name, value in configuration["kwargs"].items() if name != "batch_id"}
    return InputError(
        f"Great Expectations could not evaluate {configuration['type']} {about!r}: {reason.rstrip('.')}.",
        "Mend that expectation in the contract.",
    )
