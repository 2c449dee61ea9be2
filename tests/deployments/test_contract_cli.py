"""`contract check` and `contract init` as a user runs them, with and without a web service."""

import csv
import json
from pathlib import Path

import pytest

from tests.deployments.conftest import RunCli

SAMPLE = "data/samples/book_reviews.csv"
NO_ENDPOINT = {"BATCH_SCORING_ENDPOINT_URL": ""}


def contract_file(repository: Path, tmp_path: Path, *changes: tuple[str, str], name: str = "book_reviews") -> str:
    """A copy of the shipped contract with some of its text replaced."""
    text = (repository / "data" / "contracts" / "book_reviews.yaml").read_text(encoding="utf-8")
    for before, after in (("name: book_reviews", f"name: {name}"), *changes):
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_an_endpoint_only_the_file_is_checked_and_that_is_said(cli: RunCli):
    done = cli("contract", "check", "book_reviews", environment=NO_ENDPOINT)

    assert done.returncode == 0, done.stderr
    assert "agrees with itself" in done.stdout
    assert "No endpoint is set, so only the file was checked." in done.stdout


def test_the_shipped_contract_fits_the_embedded_service(cli: RunCli, stack_environment: dict[str, str]):
    done = cli("contract", "check", "book_reviews", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    assert "It fits the ports of the web service" in done.stdout
    assert "1 golden row came back as the contract says." in done.stdout


def test_check_prints_one_json_object(cli: RunCli, stack_environment: dict[str, str]):
    done = cli("contract", "check", "book_reviews", "--json", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "contract": "book_reviews",
        "status": "passed",
        "checked": ["file", "service", "golden"],
        "problems": [],
    }


def test_all_that_does_not_fit_the_service_is_told_at_once(
    cli: RunCli, stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    changed = contract_file(
        repository, tmp_path, ("input1: [Col2]", "inptu1: [Col2]"), ("output: output1", "output: ouput1")
    )

    done = cli("contract", "check", changed, "--json", environment=stack_environment)

    assert done.returncode == 2
    assert f"error: Contract {changed} does not fit the web service" in done.stderr
    assert "\n  inputs.inptu1: The web service has no input port 'inptu1'. Did you mean 'input1'?" in done.stderr
    assert "\n  output: The web service has no output port 'ouput1'. Did you mean 'output1'?" in done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["checked"]) == ("failed", ["file", "service"])
    assert [problem["member"] for problem in told["problems"]] == ["inputs.inptu1", "output"]
    assert all(problem["what"] and problem["next_step"] for problem in told["problems"])


def test_a_golden_row_that_comes_back_otherwise_is_told(
    cli: RunCli, stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    changed = contract_file(repository, tmp_path, ('Col2_HashingFeature.0: "1"', 'Col2_HashingFeature.0: "8"'))

    done = cli("contract", "check", changed, environment=stack_environment)

    assert (done.returncode, done.stdout) == (2, "")
    assert "golden[0].output.Col2_HashingFeature.0: The web service answers '1' instead of '8'." in done.stderr


def test_a_wrong_file_is_refused_before_the_service_is_asked(cli: RunCli, repository: Path, tmp_path: Path):
    changed = contract_file(repository, tmp_path, ("output: output1", "otput: output1"))
    environment = {"BATCH_SCORING_ENDPOINT_URL": "http://127.0.0.1:1/azureml-demo"}

    done = cli("contract", "check", changed, "--json", environment=environment)

    assert done.returncode == 2
    assert f"error: Contract {changed}: otput: There is no such member. Did you mean 'output'?" in done.stderr
    told = json.loads(done.stdout)
    assert list(told) == ["contract", "status", "checked", "problems", "error"]
    assert (told["status"], told["error"]) == ("failed", done.stderr.splitlines()[-1].removeprefix("error: "))


@pytest.mark.parametrize("command", [("check", "book_reviews"), ("init", SAMPLE)])
def test_an_endpoint_that_does_not_answer_is_no_success(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path, command: tuple[str, str]
):
    environment = {
        **stack_environment,
        "BATCH_SCORING_ENDPOINT_URL": "http://127.0.0.1:1/azureml-demo",
        "BATCH_SCORING_RUN_CONTRACTS_DIR": "data/contracts" if command[0] == "check" else str(tmp_path / "contracts"),
    }

    done = cli("contract", *command, environment=environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be reached" in done.stderr
    assert not (tmp_path / "contracts").exists()


def test_an_endpoint_that_is_set_in_part_is_refused(cli: RunCli):
    done = cli("contract", "check", "book_reviews", environment={"BATCH_SCORING_ENDPOINT_URL": "http://127.0.0.1:1"})

    assert done.returncode == 2
    assert "BATCH_SCORING_ENDPOINT_API_KEY" in done.stderr


def test_a_draft_is_written_among_the_contracts_and_passes_the_check(cli: RunCli, tmp_path: Path):
    environment = {**NO_ENDPOINT, "BATCH_SCORING_RUN_CONTRACTS_DIR": str(tmp_path / "contracts")}

    drafted = cli("contract", "init", SAMPLE, environment=environment)

    assert drafted.returncode == 0, drafted.stderr
    assert str(tmp_path / "contracts" / "book_reviews.yaml") in drafted.stdout
    checked = cli("contract", "check", "book_reviews", environment=environment)
    assert checked.returncode == 0, checked.stderr


def test_with_an_endpoint_the_draft_fits_its_ports(cli: RunCli, stack_environment: dict[str, str], tmp_path: Path):
    output = tmp_path / "mine.yaml"

    drafted = cli("contract", "init", SAMPLE, "--output", str(output), environment=stack_environment)

    assert drafted.returncode == 0, drafted.stderr
    assert "input1: [Col2]" in output.read_text(encoding="utf-8")
    checked = cli("contract", "check", str(output), "--json", environment=stack_environment)
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["checked"] == ["file", "service"]


def test_a_file_that_is_there_is_never_overwritten(cli: RunCli, tmp_path: Path):
    output = tmp_path / "mine.yaml"
    output.write_text("kept", encoding="utf-8")

    done = cli("contract", "init", SAMPLE, "--output", str(output), environment=NO_ENDPOINT)

    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert output.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.csv"], "no input file 'nowhere.csv'"),
        (["data"], "is a folder"),
        ([SAMPLE, "--name", "../up"], "'../up' is not a name for a contract"),
        ([SAMPLE, "--name", ""], "'' is not a name for a contract"),
        ([SAMPLE, "--output", "x.txt"], "no YAML file"),
        ([SAMPLE, "--name", "one", "--output", "two.yaml"], "is not the name of the file"),
    ],
)
def test_what_cannot_be_drafted_is_refused_in_one_line(cli: RunCli, tmp_path: Path, arguments: list[str], says: str):
    environment = {**NO_ENDPOINT, "BATCH_SCORING_RUN_CONTRACTS_DIR": str(tmp_path / "contracts")}

    done = cli("contract", "init", *arguments, environment=environment)

    assert (done.returncode, done.stdout) == (2, "")
    (error,) = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert not (tmp_path / "contracts").exists()


def test_a_draft_can_be_named(cli: RunCli, tmp_path: Path):
    source = tmp_path / "My export (1).csv"
    with source.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target, delimiter=";").writerows([["id", "text"], ["1", "a;b"], ["2", "c"]])
    environment = {**NO_ENDPOINT, "BATCH_SCORING_RUN_CONTRACTS_DIR": str(tmp_path)}

    assert cli("contract", "init", str(source), environment=environment).returncode == 0
    assert cli("contract", "init", str(source), "--name", "orders", environment=environment).returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == ["My_export_1.yaml", "orders.yaml"]
