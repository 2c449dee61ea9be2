"""Expectations that Great Expectations could not evaluate: an error or a broken rule, never one that holds."""

from collections.abc import Collection, Mapping
from typing import Any

from bes.errors import InputError
from scoring.contract.docs.published import columns_of
from scoring.contract.rules.figures import TOO_MANY_DISTINCT
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule


def unmet_if_uncounted(result: Mapping[str, Any], rule: Rule, profile: Profile) -> dict[str, Any]:
    """Return the result of a rule; one about distinct values that were too many to be counted does not hold.

    Args:
        result: GX's result of the rule's expectation, as JSON: there it ended with an error.
        rule: The rule.
        profile: The finished pass.
    """
    if "counts" not in rule.measures or not profile.figures(rule.columns[0]).are_too_many:
        return dict(result)
    found = {"observed_value": TOO_MANY_DISTINCT}
    no_error = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
    return {**result, "success": False, "result": found, "exception_info": no_error}


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
