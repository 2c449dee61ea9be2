"""The README is true: its commands run and print what it says, and every setting is in it."""

import os
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
from tests.readme import blocks, without_what_differs


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


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


def test_the_two_commands_are_targets_of_the_makefile(repository: Path):
    start = blocks(repository, "sh")[0]
    makefile = (repository / "Makefile").read_text()
    commands = start.split("\n")[:-1]
    assert commands == ["make demo", "make test"]
    for command in commands:
        assert f"\n{command.removeprefix('make ')}: " in makefile


def test_every_console_block_runs_and_prints_what_it_says(
    repository: Path, stack_environment: dict[str, str], tmp_path: Path
):
    environment = {**stack_environment, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path)}
    found = blocks(repository, "console")
    assert found
    for block in found:
        command, _, printed = block.removeprefix("$ ").partition("\n")
        output = run(command, repository, environment)
        if printed.strip():
            assert without_what_differs(output) == without_what_differs(printed)


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


def test_the_declaration_that_is_shown_can_be_loaded(repository: Path, tmp_path: Path):
    (shown,) = blocks(repository, "toml")
    definition = tmp_path / "service.toml"
    definition.write_text(shown)
    (service,) = load_declaration(definition).services
    assert (service.name, service.outputs[0].columns[0].name) == ("Ratings", "Scored Labels")


def test_the_layers_of_the_readme_are_the_packages(readme: str, repository: Path):
    for package in ("deployments", "flows", "tasks", "scoring", "bes", "service"):
        assert f"{package}/" in readme
        assert (repository / package).is_dir()
