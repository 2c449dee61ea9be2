"""Docker and Kubernetes, as far as it can be told without a daemon and without a cluster."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import requests
import yaml
from prefect.utilities.templating import apply_values

from deployments.prefect_file import load_flows, read_prefect_file
from tests.campaigns import sampled
from tests.patient import patient_session

FILE = "deployments/prefect.containers.yaml"


@pytest.fixture(scope="module")
def dockerfile(repository: Path) -> list[tuple[str, str]]:
    """The instructions, each with its arguments."""
    text = re.sub(r"^#.*\n", "", (repository / "deployments/Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name]


def copied(dockerfile: list[tuple[str, str]]) -> list[tuple[list[str], str]]:
    """What is copied from the project, and whereto."""
    found = [rest.split() for name, rest in dockerfile if name == "COPY" and not rest.startswith("--from")]
    return [(sources, target) for *sources, target in found]


def template(repository: Path, kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repository / f"deployments/work_pools/{kind}.json").read_text())
    return loaded


def deployments(repository: Path, file: str) -> dict[str, dict[str, Any]]:
    entries = yaml.safe_load((repository / file).read_text())["deployments"]
    return {f"{re.split('[:.]', entry['entrypoint'])[-1]}/{entry['name']}": entry for entry in entries}


def test_the_image_is_pinned_and_nobody_in_it_is_root(dockerfile: list[tuple[str, str]]):
    bases = [rest.split()[0] for name, rest in dockerfile if name == "FROM"]
    assert bases
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)
    users = [rest for name, rest in dockerfile if name == "USER"]
    assert users == ["10001:10001"]
    last_stage = dockerfile[max(at for at, (name, _) in enumerate(dockerfile) if name == "FROM") :]
    assert last_stage[-1][0] == "USER"
    installs = [rest for name, rest in dockerfile if "pip install" in rest]
    assert all("--require-hashes" in rest or "--no-deps" in rest for rest in installs)
    assert len(installs) == 2


def test_the_image_holds_no_secret_and_no_address(dockerfile: list[tuple[str, str]]):
    assert {name for name, _ in dockerfile} <= {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER"}
    said = " ".join(rest for name, rest in dockerfile if name in ("ENV", "RUN"))
    assert not re.search(r"://|key|secret|token|password|connection", said, re.IGNORECASE)


def test_what_the_image_copies_is_there_and_reaches_the_builder(repository: Path, dockerfile: list[tuple[str, str]]):
    ignored = (repository / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    sources = {source for sources, _ in copied(dockerfile) for source in sources}
    assert sources == let_in
    assert not [source for source in sources if not (repository / source).exists()]


def test_the_wheel_that_the_image_builds_has_every_flow_of_the_file(
    repository: Path, dockerfile: list[tuple[str, str]], tmp_path: Path
):
    build = tmp_path / "build"
    before_the_wheel = dockerfile[: next(at for at, (_, rest) in enumerate(dockerfile) if "--no-deps" in rest)]
    for sources, target in copied(before_the_wheel):
        for source in sources:
            place = build / target / Path(source).name if target.endswith("/") else build / target
            if (repository / source).is_dir():
                ignore = shutil.ignore_patterns("node_modules", "__pycache__")
                shutil.copytree(repository / source, place, ignore=ignore)
            else:
                place = build / target / Path(source).name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(repository / source, place)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    entrypoints = sorted({entry["entrypoint"] for entry in deployments(repository, FILE).values()})
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from prefect.flows import load_flow_from_entrypoint\n"
        f"for entrypoint in {entrypoints!r}:\n"
        "    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)\n"
        "    print(flow.fn.__code__.co_filename)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    files = done.stdout.splitlines()
    assert len(files) == len(entrypoints) > 3
    assert all(file.startswith(str(tmp_path / "site/flows/")) for file in files)


def test_both_files_have_the_same_deployments(repository: Path):
    here, there = deployments(repository, "deployments/prefect.yaml"), deployments(repository, FILE)
    assert there
    assert set(here) == set(there)
    same = ("description", "tags", "schedules", "concurrency_limit")
    for name, entry in there.items():
        assert {part: entry.get(part) for part in same} == {part: here[name].get(part) for part in same}, name
        # Those of the sample on the one side, those of a date on the other.
        differ = {"inputs": None, "changed_within_hours": None}
        alike = [{**one["parameters"], **differ} for one in (entry, here[name])]
        assert alike[0] == alike[1], name
        environments = [one["work_pool"]["job_variables"]["env"] for one in (entry, here[name])]
        assert environments[0] == environments[1], name


def test_our_own_command_finds_nothing_wrong_with_the_file(repository: Path):
    named = load_flows(read_prefect_file(repository / FILE))
    assert {"batch-scoring/nightly", "batch-scoring/on-demand", "batch-scoring/backfill", "sweep/hourly"} < set(named)


@pytest.mark.parametrize("kind", sampled(["kubernetes", "docker"], 1))
def test_prefect_deploys_the_file_to_a_work_pool_of_each_type(
    repository: Path, stack_environment: dict[str, str], tmp_path: Path, kind: str
):
    api, pool = stack_environment["PREFECT_API_URL"], f"{kind}-{uuid.uuid4().hex[:8]}"
    body = {"name": pool, "type": kind, "base_job_template": template(repository, kind)}
    made = patient_session().post(f"{api}/work_pools/", json=body, timeout=60)
    assert made.ok, made.text
    # Under names of their own, since other tests deploy to the same server; and without schedules.
    text = (repository / FILE).read_text()
    text = re.sub(r"^    schedules:\n(?:      .*\n)+", "    schedules: []\n", text, flags=re.MULTILINE)
    text = re.sub(r"^  - name: (\S+)", rf"  - name: \1-{pool}", text, flags=re.MULTILINE)
    file = tmp_path / "prefect.yaml"
    file.write_text(text.replace("name: batch-scoring-containers", f"name: {pool}"))

    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(file), "--all"]
    done = subprocess.run(
        command,
        cwd=repository,
        env={
            **stack_environment,
            "PREFECT_HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(repository),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = requests.post(
        f"{api}/deployments/filter", json={"work_pools": {"name": {"any_": [pool]}}}, timeout=60
    ).json()
    assert len(found) == len(deployments(repository, FILE))
    for deployment in found:
        assert deployment["entrypoint"].startswith("flows.")
        assert deployment["pull_steps"] == [
            {"prefect.deployments.steps.set_working_directory": {"directory": "/app"}},
        ]
        assert deployment["job_variables"]["image"].endswith("/bes-batch-scoring:0.1.0")


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_the_template_of_the_work_pool_is_one_that_prefects_worker_fills_in(
    repository: Path, stack_environment: dict[str, str], kind: str
):
    ours = template(repository, kind)
    views = requests.get(
        f"{stack_environment['PREFECT_API_URL']}/collections/views/aggregate-worker-metadata", timeout=60
    ).json()
    theirs = views[f"prefect-{kind}"][kind]["default_base_job_configuration"]
    assert set(ours["job_configuration"]) <= set(theirs["job_configuration"])
    jsonschema.Draft202012Validator.check_schema(ours["variables"])
    defaults = {name: one["default"] for name, one in ours["variables"]["properties"].items() if "default" in one}
    jsonschema.validate(defaults, ours["variables"])
    used = set(re.findall(r"{{ (\w+) }}", str(ours["job_configuration"])))
    assert used - set(ours["variables"]["properties"]) == set()
    assert environment(ours)["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"


def environment(base_job_template: dict[str, Any]) -> dict[str, str]:
    default: dict[str, str] = base_job_template["variables"]["properties"]["env"]["default"]
    return default


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_no_template_holds_a_secret(repository: Path, kind: str):
    ours = template(repository, kind)
    secret = {name: value for name, value in environment(ours).items() if re.search("KEY|CONNECTION|SAS", name)}
    if kind == "docker":
        assert len(secret) == 3
        assert all(re.fullmatch(r"{{ prefect\.blocks\.secret\.[\w-]+ }}", value) for value in secret.values())
    else:
        assert secret == {}
        assert "'envFrom': [{'secretRef': {'name': '{{ secret }}'}}]" in str(ours)


def test_a_docker_worker_gets_the_secrets_of_a_run_from_blocks(
    repository: Path, stack_environment: dict[str, str], tmp_path: Path
):
    program = (
        "import asyncio, json, sys\n"
        "from prefect.blocks.system import Secret\n"
        "from prefect.workers.base import BaseJobConfiguration\n"
        "async def main():\n"
        "    for name in ('api-key', 'subscription-key', 'storage'):\n"
        "        await Secret(value=f'the {name}').save(f'batch-scoring-{name}', overwrite=True)\n"
        "    template, given = json.load(sys.stdin)\n"
        "    job = await BaseJobConfiguration.from_template_and_values(template, given)\n"
        "    print(json.dumps(job.env))\n"
        "asyncio.run(main())\n"
    )
    given = deployments(repository, FILE)["batch_scoring/nightly"]["work_pool"]["job_variables"]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([template(repository, "docker"), given]),
        env={**os.environ, **stack_environment, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    env = json.loads(done.stdout)
    assert env["BATCH_SCORING_ENDPOINT_API_KEY"] == "the api-key"
    assert env["BATCH_SCORING_ENDPOINT_SUBSCRIPTION_KEY"] == "the subscription-key"
    assert env["BATCH_SCORING_STORAGE_CONNECTION_STRING"] == "the storage"
    assert env["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"
    assert env["PREFECT_CLIENT_MAX_RETRIES"] == "8"


def kubernetes_job(repository: Path) -> dict[str, Any]:
    """The manifest that the worker sends for a nightly run."""
    ours = template(repository, "kubernetes")
    variables = {name: one["default"] for name, one in ours["variables"]["properties"].items() if "default" in one}
    given = deployments(repository, FILE)["batch_scoring/nightly"]["work_pool"]["job_variables"]
    values = {**variables, **given, "env": {**variables["env"], **given["env"]}, "command": ["prefect", "flow-run"]}
    manifest: dict[str, Any] = apply_values(ours["job_configuration"]["job_manifest"], {**values, "name": "run"})
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": name, "value": value} for name, value in values["env"].items()]
    return manifest


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_the_job_is_valid_to_kubernetes(repository: Path, version: str):
    manifest = kubernetes_job(repository)
    kubernetes_validate.validate(manifest, version, strict=True)
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["image"] == "registry.example.org/bes-batch-scoring:0.1.0"
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "2Gi"}
    pod["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        kubernetes_validate.validate(manifest, version, strict=True)
