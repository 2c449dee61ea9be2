"""The README is true: its commands run and print what it says, and every setting is in it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from bes.settings import EndpointSettings, StorageSettings
from scoring.gates.settings import GateSettings
from scoring.settings import RunSettings
from service.declaration import load_declaration
from service.gateway_settings import GatewaySettings
from service.settings import ServiceSettings


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def without_what_differs(text: str) -> str:
    """Run keys, durations and absolute paths differ from run to run and from machine to machine."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "<run_key>", text)
    text = re.sub(r'"duration_seconds":[0-9.]+|[0-9.]+ s\b', "<duration>", text)
    return re.sub(r"(?<![\w.])/\S*?/(?=<run_key>)", "<folder>/", text).strip()


def run(command: str, repository: Path, environment: dict[str, str]) -> str:
    binaries = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=repository,
        env={**os.environ, **environment, "PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_commands_are_targets_of_the_makefile(readme: str, repository: Path):
    start = blocks(readme, "sh")[0]
    makefile = (repository / "Makefile").read_text()
    commands = start.split("\n")[:-1]
    assert commands == ["make demo", "make test"]
    for command in commands:
        assert f"\n{command.removeprefix('make ')}: " in makefile


def test_every_console_block_runs_and_prints_what_it_says(
    readme: str, repository: Path, stack_environment: dict[str, str], tmp_path: Path
):
    environment = {**stack_environment, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path)}
    found = blocks(readme, "console")
    assert found
    for block in found:
        command, _, printed = block.removeprefix("$ ").partition("\n")
        output = run(command, repository, environment)
        if printed.strip():
            assert without_what_differs(output) == without_what_differs(printed)


def test_the_demo_ends_as_the_readme_shows(
    readme: str, repository: Path, stack_environment: dict[str, str], tmp_path: Path
):
    shown = next(block for block in blocks(readme, "text") if "every row is accounted for" in block)
    environment = {**stack_environment, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path)}
    # What `batch-scoring demo` does, on the stack that is already there.
    command = "batch-scoring run data/samples/book_reviews.csv --contract book_reviews --rows-per-job 250"
    output = run(command, repository, environment)
    assert without_what_differs(output) == without_what_differs(shown)


@pytest.mark.parametrize(
    "settings", [EndpointSettings, StorageSettings, RunSettings, GateSettings, ServiceSettings, GatewaySettings]
)
def test_every_setting_is_documented_with_its_default(readme: str, settings: type[BaseSettings]):
    prefix = settings.model_config["env_prefix"]
    assert settings.model_fields
    for name, field in settings.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        row = next((line for line in readme.splitlines() if line.startswith(f"| `{variable}` |")), None)
        assert row is not None, f"{variable} is not documented"
        if isinstance(field.default, bool | int | float | Path) and field.default is not None:
            shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert f"`{shown}`" in row or f"`{shown.removesuffix('.0')}`" in row, f"{variable}: default {shown}"


def test_the_declaration_that_is_shown_can_be_loaded(readme: str, tmp_path: Path):
    (shown,) = blocks(readme, "toml")
    definition = tmp_path / "service.toml"
    definition.write_text(shown)
    (service,) = load_declaration(definition).services
    assert (service.name, service.outputs[0].columns[0].name) == ("Ratings", "Scored Labels")


def test_the_layers_of_the_readme_are_the_packages(readme: str, repository: Path):
    for package in ("deployments", "flows", "tasks", "scoring", "bes", "service"):
        assert f"{package}/" in readme
        assert (repository / package).is_dir()
