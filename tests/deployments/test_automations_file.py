"""The file of the alarms: what is wrong in it, or on the command line, is told before a server is asked."""

from pathlib import Path

import pytest

from bes.errors import ConfigurationError
from deployments.automations import ALARMS, AlarmFile, alarms_of

BLOCK = "7b1b0c3e-2f0b-4a43-9a3c-0a2a8a6d0a11"


def test_every_alarm_of_the_shipped_file_watches_runs_of_one_tag_alone():
    alarms = alarms_of(AlarmFile.load(ALARMS, {"tag": "team-a"}), notification_block=BLOCK, ui="http://ui")
    assert len(alarms.wanted) == 7
    assert alarms.silent == ()
    for automation in alarms.wanted:
        assert "prefect.tag.team-a" in str(automation.trigger.match_related)
        assert "$" not in str(automation)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heartbeat": "90"}, r"parameters\.heartbeat: Extra inputs are not permitted"),
        ({"heartbeat_tolerance_seconds": "5"}, "greater than or equal to 10"),
        ({"max_resumes": "often"}, "valid integer"),
        ({"tag": "a b"}, "should match pattern"),
    ],
)
def test_a_parameter_that_is_unknown_or_wrong_is_named(changes: dict[str, str], words: str):
    with pytest.raises(ConfigurationError, match=words):
        AlarmFile.load(ALARMS, changes)


@pytest.mark.parametrize(
    ("automation", "words"),
    [
        ("trigger: {within: $within}", "no parameter 'within'"),
        ("trigger: {expect: [a], posture: Sometimes}", "does not take the automation 'batch-scoring: odd'"),
        ("trigger: {expect: [a]}, actions: [{type: shout}]", "does not take the automation"),
        ("trigger: {expect: [a], match: {b: costs 5 $}}", "no parameter 'a lone"),
    ],
)
def test_an_automation_that_prefect_would_not_take_is_named(tmp_path: Path, automation: str, words: str):
    shipped = ALARMS.read_text(encoding="utf-8").partition("\nautomations:")[0]
    own = tmp_path / "automations.yaml"
    own.write_text(f"{shipped}\nautomations:\n  - {{name: odd, {automation}}}\n")
    with pytest.raises(ConfigurationError, match=words):
        alarms_of(AlarmFile.load(own, {}), notification_block=BLOCK, ui="http://ui")


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path):
    own = tmp_path / "automations.yaml"
    own.write_text("parameters: [")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        AlarmFile.load(own, {})
