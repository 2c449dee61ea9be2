"""What is installed: locked, free of addresses, and whole in the wheel."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_every_locked_package_has_hashes_and_no_address(repository: Path, name: str):
    lock = (repository / "requirements" / f"{name}.lock").read_text()
    assert "://" not in lock
    packages = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(packages) > 100
    assert all("==" in line and line.endswith("\\") for line in packages)


def test_the_locks_hold_what_the_project_declares(repository: Path):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    lock = (repository / "requirements" / "runtime.lock").read_text()
    for requirement in project["dependencies"]:
        name = requirement.split(">")[0].split("=")[0].split("<")[0]
        assert f"\n{name}==" in f"\n{lock}", name


def test_the_lock_of_azurite_has_hashes_and_no_address(repository: Path):
    lock = json.loads((repository / "deployments/azurite/package-lock.json").read_text())
    modules = [
        entry for name, entry in lock["packages"].items() if name.startswith("node_modules/") and not entry.get("link")
    ]
    assert len(modules) > 100
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in modules)


def test_a_flow_loads_from_any_directory_once_the_wheel_is_installed(repository: Path, tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=repository,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert not [name for name in names if "node_modules" in name or name.startswith("tests/")]
    data = ["deployments/azurite/package-lock.json", "deployments/apim/gateway.toml"]
    data += ["service/console/templates/home.html", "service/console/static/console.css"]
    assert set(data) <= set(names)
    program = f"import sys; sys.path.insert(0, {str(site)!r}); import flows.batch_scoring as flow; print(flow.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == str(site / "flows/batch_scoring.py")
