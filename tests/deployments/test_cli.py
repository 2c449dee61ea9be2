"""The command line against a real stack: what it prints, and the exit code of everything that can be wrong."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from azure.storage.blob import ContainerClient

from bes.client import BesClient
from bes.protocol import JobStatus
from bes.settings import EndpointSettings
from deployments.flow_process import system_problem
from service.declaration import feature_hashing_declaration, key_hash
from tests.campaigns import sampled

RunCli = Callable[..., subprocess.CompletedProcess[str]]

HEADER = "review_id,Col1,Col2\n"
GOOD = HEADER + "R000001,5,This is a good day\nR000002,3,Fine\n"


def write(tmp_path: Path, content: str | bytes, name: str = "extract.csv") -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def report_named_last(progress: str) -> str:
    """The report that the last line for people names; it is there."""
    label, _, path = progress.splitlines()[-1].partition(": ")
    assert label == "report"
    assert Path(path).is_file()
    return path


def left_over(tmp_path: Path) -> list[str]:
    """Results of a run that must not have any."""
    runs = tmp_path / "runs"
    unfinished = [*runs.glob("**/predictions.csv"), *runs.glob("**/manifest.json")]
    return [str(path) for path in [*unfinished, *runs.glob("**/.work*"), *runs.glob("**/.predictions*")]]


def test_run_scores_a_folder_and_prints_one_json_object(cli: RunCli, stack_environment: dict[str, str], tmp_path: Path):
    folder = tmp_path / "extracts"
    folder.mkdir()
    write(folder, GOOD, "monday.csv")
    write(folder, HEADER + 'R000003,9,Out of range\nR000004,1,"two\nlines"\n', "tuesday.csv")

    done = cli("run", str(folder), "--contract", "book_reviews", "--json", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert list(summary) == [
        "run_key", "status", "n_input", "n_scored", "n_quarantined", "n_refused", "n_failed", "n_jobs",
        "duration_seconds", "predictions", "quarantine", "manifest", "report", "published_before", "latest",
    ]  # fmt: skip
    assert (summary["n_input"], summary["n_scored"], summary["n_quarantined"], summary["n_failed"]) == (4, 3, 1, 0)
    assert summary["n_jobs"] == 2
    with Path(summary["predictions"]).open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert [row["review_id"] for row in rows] == ["R000001", "R000002", "R000004"]
    assert [rows[0][f"Col2_HashingFeature.{column}"] for column in range(8)] == list("11220201")
    with Path(summary["quarantine"]).open(newline="") as source:
        (refused,) = csv.DictReader(source)
    assert (refused["file"], refused["record"], refused["line"], refused["column"]) == ("tuesday.csv", "1", "2", "Col1")
    manifest = json.loads(Path(summary["manifest"]).read_text())
    assert [job["status"] for job in manifest["jobs"]] == ["Finished", "Finished"]


def test_rrs_scores_one_text_at_once(cli: RunCli, stack_environment: dict[str, str]):
    done = cli("rrs", "This is a good day", environment=stack_environment)
    assert (done.returncode, done.stdout) == (0, "1 1 2 2 0 2 0 1\n")


@pytest.mark.parametrize(
    ("content", "names"),
    sampled(
        [
            pytest.param(b"", ["extract.csv", "empty"], id="empty file"),
            pytest.param(HEADER, ["extract.csv", "header"], id="header only"),
            pytest.param("review_id,Col2\nR000001,Fine\n", ["extract.csv", "Col1"], id="missing column"),
            pytest.param(
                "review_id,Col1,Colum2\nR000001,5,Fine\n", ["extract.csv", "Colum2", "Col2"], id="renamed column"
            ),
            pytest.param(GOOD + "R000003,4\n", ["extract.csv", "record 3", "line 4", "ragged_row"], id="ragged row"),
            pytest.param(
                HEADER.encode() + b"R000001,5,caf\xe9\n", ["extract.csv", "record 1", "UTF-8"], id="not UTF-8"
            ),
            pytest.param(HEADER + "R000001,9,Fine\n", ["extract.csv", "quarantine"], id="no good row"),
        ],
        1,
    ),
)
def test_input_that_cannot_be_scored_ends_in_one_line_and_exit_code_2(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path, content: str | bytes, names: list[str]
):
    done = cli("run", write(tmp_path, content), "--contract", "book_reviews", "--json", environment=stack_environment)

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for name in names:
        assert name in error
    result = json.loads(done.stdout)
    assert (result["status"], result["predictions"], result["error"]) == ("failed", None, error.removeprefix("error: "))
    assert result["report"] == report_named_last(done.stderr)
    assert left_over(tmp_path) == []


def test_a_missing_file_and_an_unknown_contract_are_named(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path
):
    missing = cli("run", "nowhere.csv", "--contract", "book_reviews", environment=stack_environment)
    assert missing.returncode == 2
    assert "error: 'nowhere.csv': the input file does not exist." in missing.stderr

    unknown = cli("run", write(tmp_path, GOOD), "--contract", "book_review", environment=stack_environment)
    assert unknown.returncode == 2
    assert "book_reviews" in unknown.stderr
    assert "Traceback" not in missing.stderr + unknown.stderr


@pytest.mark.parametrize(
    ("variable", "value", "names"),
    sampled(
        [
            pytest.param(
                "URL", "http://127.0.0.1:9/azureml-demo", ["127.0.0.1:9", "ENDPOINT_URL"], id="unreachable gateway"
            ),
            pytest.param("URL", "{gateway}/other", ["/other", "404", "suffix"], id="unknown suffix"),
            pytest.param(
                "SUBSCRIPTION_KEY", "0" * 32, ["invalid subscription key", "ENDPOINT_SUBSCRIPTION_KEY"], id="sub"
            ),
            pytest.param("API_KEY", "d3Jvbmc=", ["Invalid credentials", "ENDPOINT_API_KEY"], id="wrong api key"),
            pytest.param("SERVICE", "0" * 32, ["WebServiceNotFound", "ENDPOINT_SERVICE"], id="unknown service"),
            pytest.param("API_KEY", "", ["BATCH_SCORING_ENDPOINT_API_KEY not set"], id="missing api key"),
        ],
        2,
    ),
)
def test_a_web_service_that_cannot_be_used_ends_in_one_line(
    cli: RunCli,
    stack_environment: dict[str, str],
    endpoint: EndpointSettings,
    tmp_path: Path,
    variable: str,
    value: str,
    names: list[str],
):
    gateway = (endpoint.url or "").rpartition("/")[0]
    wrong = {**stack_environment, f"BATCH_SCORING_ENDPOINT_{variable}": value.format(gateway=gateway)}

    done = cli("run", write(tmp_path, GOOD), "--contract", "book_reviews", environment=wrong)

    assert done.returncode == (2 if value == "" else 1), done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for name in names:
        assert name in error
    assert "Traceback" not in done.stderr
    assert left_over(tmp_path) == []
    for secret in (endpoint.api_key, endpoint.subscription_key):
        assert secret.get_secret_value() not in done.stderr


@pytest.mark.slow
def test_a_job_that_fails_ends_the_run_with_the_services_words(
    cli: RunCli, stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    contract = yaml.safe_load((repository / "data/contracts/book_reviews.yaml").read_text())
    # The service's port takes Col2; it is found out only when the job runs.
    wrong = write(
        tmp_path,
        yaml.safe_dump({**contract, "inputs": {"input1": ["review_id"]}, "golden": []}, sort_keys=False),
        "book_reviews.yaml",
    )

    done = cli("run", write(tmp_path, GOOD), "--contract", wrong, environment=stack_environment)

    assert done.returncode == 1, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "refuses each of the 2 rows" in error
    assert "Col2" in error
    assert "refuses each of the 2 rows" in Path(report_named_last(done.stderr)).read_text()
    assert "Traceback" not in done.stderr
    assert left_over(tmp_path) == []


def require_summary(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The summary, which is the last thing that a run prints; its progress has gone to standard error."""
    assert "every row is accounted for" in done.stdout
    told = dict(re.findall(r"^ +(\w+(?: \w+)?)  +(.+)$", done.stdout, re.MULTILINE))
    for label in ("rows in", "scored", "quarantined", "jobs", "duration", "predictions", "manifest", "Data Docs"):
        assert label in told
    for progress in ("web service: from the settings", "uploaded", "submitted", "started", "Finished", "published"):
        assert progress in done.stderr
    return told


def test_a_run_ends_with_a_summary_and_its_work_is_scored_again_on_request_only_and_can_be_rolled_back(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path
):
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        done = cli("run", extract, "--contract", "book_reviews", *more, environment=stack_environment)
        assert done.returncode == 0, done.stderr
        return done

    def left(done: subprocess.CompletedProcess[str], manifest: str, predictions: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(Path(manifest).read_text())
        return {**document, "log": done.stderr, "content": Path(predictions).read_bytes()}

    def told_in_json(*more: str) -> dict[str, Any]:
        done = run("--json", *more)
        summary = json.loads(done.stdout)
        seen = left(done, summary["manifest"], summary["predictions"])
        return {**seen, "published_before": summary["published_before"]}

    extract = write(tmp_path, GOOD)
    told = run("--run-date", "2024-05-01")
    summary = require_summary(told)
    first = left(told, summary["manifest"], summary["predictions"])
    again = told_in_json("--run-date", "2024-05-02")
    assert "this work was published before" in again["log"]
    assert "published 2 rows" not in again["log"]
    assert again["jobs"] == first["jobs"]
    assert first["published"] == f"published/book_reviews/2024-05-01/{first['run_key']}-g1"
    second = told_in_json("--rescore", "--run-date", "2024-05-02")
    assert second["published"] == f"published/book_reviews/2024-05-02/{first['run_key']}-g2"
    assert second["jobs"][0]["job_id"] != first["jobs"][0]["job_id"]
    assert first["content"] == again["content"] == second["content"]
    assert [one["published_before"] for one in (again, second)] == [True, False]

    done = cli("rollback", "book_reviews", "--json", environment=stack_environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == first["published"]
    last = cli("rollback", "book_reviews", environment=stack_environment)
    assert last.returncode == 2
    assert "is the only version of 'book_reviews'" in last.stderr


# Two runs, and perhaps the start of the whole stack.
@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_gate_ends_a_run_with_3_and_with_a_warning_the_same_run_is_published_without_a_job(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path
):
    gates = {"GOLDEN_JOB": "stop", "CONSTANT_OUTPUT": "stop", "CONSTANT_OUTPUT_ROWS": "2"}
    environment = {**stack_environment, **{f"BATCH_SCORING_GATE_{name}": value for name, value in gates.items()}}
    same = "".join(f"R00000{number},4,The very same\n" for number in range(1, 4))
    arguments = ("run", write(tmp_path, HEADER + same), "--contract", "book_reviews", "--json")

    stopped = cli(*arguments, environment=environment)

    assert stopped.returncode == 3
    answer = json.loads(stopped.stdout)
    assert answer["status"] == "failed"
    assert "'Col2_HashingFeature.0' has the same value in all of 3 rows (3, at most 2)." in answer["error"]
    assert "--gate constant_output=warn" in answer["error"]
    assert answer["report"] == report_named_last(stopped.stderr)
    assert left_over(tmp_path) == []
    (evidence,) = tmp_path.glob("runs/*/gates.json")

    done = cli(*arguments, "--gate", "constant_output=warn", environment=environment)

    assert done.returncode == 0, done.stderr
    assert "Gate constant_output: 'Col2_HashingFeature.0' has the same value" in done.stderr
    assert "submitted" not in done.stderr
    summary = json.loads(done.stdout)
    assert (summary["run_key"], summary["n_jobs"]) == (evidence.parent.name, 1)
    gates = json.loads(Path(summary["manifest"]).read_text())["gates"]
    by_name = {gate["name"]: (gate["passed"], gate["action"]) for gate in gates}
    assert by_name["constant_output"] == (False, "warn")
    assert by_name["golden_rows"] == by_name["golden_job"] == (True, "stop")


@pytest.mark.parametrize("gate", ["psi=loud", "psx=warn", "psi", "psi_limit=0.3"])
def test_a_gate_that_is_not_known_is_told_with_those_that_are(cli: RunCli, tmp_path: Path, gate: str):
    done = cli("run", write(tmp_path, GOOD), "--contract", "book_reviews", "--gate", gate, environment={})
    assert done.returncode == 2
    assert f"'{gate}' is not one of row_count, null_share, constant_output, psi, golden_rows" in done.stderr


@pytest.mark.slow
def test_a_journal_that_cannot_be_used_is_told_in_one_line_left_as_it_is_and_gone_around(
    stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    container = f"test-{uuid.uuid4().hex}"

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        own = {"BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs"), "BATCH_SCORING_STORAGE_CONTAINER": container}
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", "run", extract, "--contract", "book_reviews", "--json", *more],
            cwd=repository,
            env={**os.environ, **stack_environment, **own},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    extract = write(tmp_path, GOOD)
    first = json.loads(run().stdout)
    name = f"runs/{first['run_key']}/run.json"
    with ContainerClient.from_connection_string(
        stack_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"], container
    ) as blobs:
        cut_off = blobs.download_blob(name).readall()[:100]
        blobs.upload_blob(name, cut_off, overwrite=True)

        refused = run()

        assert refused.returncode == 1, refused.stderr
        (error,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
        for words in (name, "is not JSON", "Nothing was overwritten", "Restore the blob", "--rows-per-job"):
            assert words in error
        assert json.loads(refused.stdout)["error"] == error.removeprefix("error: ")
        assert "Traceback" not in refused.stderr
        assert blobs.download_blob(name).readall() == cut_off

        beside = run("--rows-per-job", "1")

        assert beside.returncode == 0, beside.stderr
        summary = json.loads(beside.stdout)
        assert (summary["n_scored"], summary["n_jobs"]) == (2, 2)
        assert summary["run_key"] != first["run_key"]
        assert blobs.download_blob(name).readall() == cut_off


def start_run(extract: str, environment: dict[str, str], repository: Path, tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.cli", "run", extract, "--contract", "book_reviews"],
        cwd=repository,
        env={
            **os.environ,
            **environment,
            "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs"),
            "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("signal_number", sampled([signal.SIGINT, signal.SIGTERM], 1))
def test_a_run_that_is_interrupted_while_its_jobs_wait_cancels_them_at_the_service(
    stack_environment: dict[str, str],
    endpoint: EndpointSettings,
    faults: Any,
    repository: Path,
    tmp_path: Path,
    signal_number: signal.Signals,
):
    faults.arm(kind="queue", seconds=600, times=1)

    with start_run(write(tmp_path, GOOD), stack_environment, repository, tmp_path) as run:
        assert run.stderr is not None
        job_id = ""
        for line in run.stderr:
            if found := re.search(r"job ([0-9a-f]{32}) .* is NotStarted", line):
                job_id = found[1]
                break
        run.send_signal(signal_number)
        _, rest = run.communicate(timeout=60)

    assert run.returncode == 130, rest
    assert "error: Interrupted." in rest
    assert "Traceback" not in rest
    assert "was interrupted" in Path(report_named_last(rest)).read_text()
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]
    with BesClient(endpoint) as client:
        assert client.status(job_id).status is JobStatus.CANCELLED
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "exit_code", "names"),
    [
        pytest.param(["--rows-per-job", "0"], {}, 2, ["--rows-per-job", "not a positive number"], id="no rows a job"),
        pytest.param(
            [], {"BATCH_SCORING_RUN_ROWS_PER_JOB": "abc"}, 2, ["BATCH_SCORING_RUN_ROWS_PER_JOB"], id="setting"
        ),
        pytest.param([], {"BATCH_SCORING_RUN_JOB_TIMEOUT_SECONDS": "inf"}, 2, ["JOB_TIMEOUT_SECONDS"], id="endless"),
        pytest.param(
            [], {"PREFECT_API_URL": "http://127.0.0.1:9/api"}, 1, ["127.0.0.1:9", "PREFECT_API_URL"], id="server"
        ),
        pytest.param([], {"PREFECT_API_URL": "nonsense"}, 1, ["nonsense", "PREFECT_API_URL"], id="no address"),
    ],
)
def test_a_wrong_option_or_setting_is_told_in_one_line_by_the_name_the_user_gave_it(
    cli: RunCli,
    stack_environment: dict[str, str],
    tmp_path: Path,
    arguments: list[str],
    environment: dict[str, str],
    exit_code: int,
    names: list[str],
):
    command = ("run", write(tmp_path, GOOD), "--contract", "book_reviews", *arguments)
    done = cli(*command, environment={**stack_environment, **environment})
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    for name in names:
        assert name in done.stderr


def test_a_folder_that_cannot_be_made_and_a_device_for_an_input_are_named(
    cli: RunCli, stack_environment: dict[str, str], tmp_path: Path
):
    (tmp_path / "runs").write_text("a file where the folder of results should be")
    blocked = cli("run", write(tmp_path, GOOD), "--contract", "book_reviews", environment=stack_environment)
    assert blocked.returncode == 2
    assert str(tmp_path / "runs") in blocked.stderr

    endless = cli("run", "/dev/zero", "--contract", "book_reviews", environment=stack_environment)
    assert endless.returncode == 2
    assert "'/dev/zero' is not a regular file" in endless.stderr
    assert "Traceback" not in blocked.stderr + endless.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the device that is always full is Linux's")
def test_a_full_disk_is_told_with_the_folder_of_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BATCH_SCORING_RUN_DATA_DIR", str(tmp_path))
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space") as caught:
        full.write(b"x")

    told = f"No space left on device: a file below {str(tmp_path)!r}. Check the path and the disk, then run again: it"
    assert system_problem(caught.value) == f"{told} goes on."


@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_make_a_run_fail(
    stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    with start_run(write(tmp_path, GOOD), stack_environment, repository, tmp_path) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.stderr is not None
        progress = run.stderr.read()
    assert run.returncode == 0, progress
    assert "Traceback" not in progress
    assert list(tmp_path.glob("runs/*/manifest.json"))


@pytest.mark.slow
def test_a_run_in_the_background_of_a_script_cancels_its_jobs_when_it_is_terminated(
    stack_environment: dict[str, str], endpoint: EndpointSettings, faults: Any, repository: Path, tmp_path: Path
):
    faults.arm(kind="queue", seconds=600)
    command = f"{sys.executable} -m deployments.cli run {write(tmp_path, GOOD)} --contract book_reviews & echo $!; wait"
    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=repository,
        env={**os.environ, **stack_environment, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stderr is not None
        pid = int(shell.stdout.readline())
        job_id = next(found[1] for line in shell.stderr if (found := re.search(r"job ([0-9a-f]{32}) .* is Not", line)))
        os.kill(pid, signal.SIGTERM)
        rest = shell.stderr.read()
    assert "Interrupted" in rest
    with BesClient(endpoint) as client:
        assert client.status(job_id).status is JobStatus.CANCELLED


@pytest.mark.slow
def test_what_serve_prints_lets_another_terminal_run_beside_it(repository: Path, tmp_path: Path):
    environment = {**os.environ, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")}
    serve = [sys.executable, "-m", "deployments.cli", "serve"]
    with subprocess.Popen(
        serve, cwd=repository, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        assert served.stderr is not None
        assert served.stdout is not None
        console = next(line for line in served.stderr if "The console is at" in line).split()[-1]
        next(line for line in served.stderr if "Serving until" in line)
        try:
            assert requests.get(console, timeout=30).status_code == 200
            exports = [served.stdout.readline() for _ in range(7)]
            for line in exports:
                name, value = shlex.split(line)[1].split("=", 1)
                environment[name] = value
            command = [
                sys.executable,
                "-m",
                "deployments.cli",
                "run",
                write(tmp_path, GOOD),
                "--contract",
                "book_reviews",
            ]
            done = subprocess.run(
                command, cwd=repository, env=environment, capture_output=True, text=True, timeout=240, check=False
            )
        finally:
            served.send_signal(signal.SIGINT)
        assert served.wait(60) == 0
    assert done.returncode == 0, done.stderr
    assert "web service: from the settings" in done.stderr


def test_serving_a_declaration_of_ones_own_does_not_print_ids_or_a_key_that_it_does_not_know(
    repository: Path, tmp_path: Path
):
    key = "c2VjcmV0"
    definition = tmp_path / "own.toml"
    own = {"workspace": "1" * 32, "service": "2" * 32}
    definition.write_text(feature_hashing_declaration(**own, key_hashes=[key_hash(key)]))
    environment = {**os.environ, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")}
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.cli", "serve", "--definition", str(definition)],
        cwd=repository, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as served:  # fmt: skip
        assert served.stderr is not None
        next(line for line in served.stderr if "Serving until" in line)
        served.send_signal(signal.SIGINT)
        printed, _ = served.communicate(timeout=60)
    names = [shlex.split(line)[1].partition("=")[0] for line in printed.splitlines()]
    assert "BATCH_SCORING_ENDPOINT_URL" in names
    assert "BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY" in names
    assert not {f"BATCH_SCORING_ENDPOINT_{part}" for part in ("WORKSPACE", "SERVICE", "API_KEY")} & set(names)


@pytest.mark.slow
def test_a_run_that_is_interrupted_while_it_validates_leaves_no_copy_of_the_rows(
    stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    rows = "".join(f"R{number:06d},4,A review of some length number {number}\n" for number in range(1, 60_000))
    with start_run(write(tmp_path, HEADER + rows), stack_environment, repository, tmp_path) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if "validating" in line)
        run.send_signal(signal.SIGINT)
        _, rest = run.communicate(timeout=90)
    assert run.returncode == 130, rest
    assert left_over(tmp_path) == []


def test_the_run_date_in_an_input_is_filled_in_before_the_input_is_looked_for(cli: RunCli, tmp_path: Path):
    pattern = str(tmp_path / "{run_date}.csv")
    write(tmp_path, GOOD, "2024-05-01.csv")

    missing = cli("run", pattern, "--contract", "book_reviews", "--run-date", "2024-05-02", environment={})
    assert missing.returncode == 2
    assert f"{str(tmp_path / '2024-05-02.csv')!r}: the input file does not exist" in missing.stderr

    # It is there: what is refused is what is looked at next.
    found = cli("run", pattern, "--contract", "no_such", "--run-date", "2024-05-01", environment={})
    assert found.returncode == 2
    assert "no_such" in found.stderr
    assert "2024-05-01" not in found.stderr


def test_the_command_line_loads_nothing_that_only_the_process_of_the_flow_needs(repository: Path):
    program = (
        "import sys\n"
        "from deployments.cli import SAMPLE_CONTRACT, _parser\n"
        "from scoring.contract.loading import load_contract\n"
        "_parser().parse_args(['demo'])\n"
        "load_contract(str(SAMPLE_CONTRACT), SAMPLE_CONTRACT.parent)\n"
        "heavy = {'azure', 'great_expectations', 'pandas', 'prefect', 'sqlalchemy'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
