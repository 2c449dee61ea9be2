"""A team's own Prefect server: started by the documented command on PostgreSQL, it takes a nightly run."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bes.settings import EndpointSettings
from deployments.embedded import Surroundings, environment_of
from deployments.processes import ChildProcess
from deployments.serve_all import POOL, deploy, worker
from deployments.stack import answers, free_port
from tests.conftest import Azurite

_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
INITDB = shutil.which("initdb", path=os.pathsep.join([*map(str, reversed(_DEBIAN)), os.environ["PATH"]]))


def unprivileged() -> str | None:
    """Whom PostgreSQL runs as, since it refuses to run as root; None for whoever we are."""
    return "postgres" if os.geteuid() == 0 else None


def reason_to_skip() -> str | None:
    if INITDB is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if unprivileged() and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


pytestmark = [pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip())), pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Postgres:
    port: int
    folder: Path

    def run(self, program: str, *arguments: str) -> str:
        assert INITDB is not None
        done = subprocess.run(
            [str(Path(INITDB).with_name(program)), *arguments],
            cwd=self.folder,
            user=unprivileged(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def query(self, statement: str) -> str:
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--username", "prefect", "prefect"]
        return self.run("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement, *place)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """An empty database `prefect` of a cluster of its own."""
    # Not below pytest's folders, where no other user may look.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        cluster = Postgres(port=free_port(), folder=Path(name))
        if user := unprivileged():
            shutil.chown(cluster.folder, user)
        data = str(cluster.folder / "data")
        cluster.run("initdb", "--pgdata", data, "--username", "prefect", "--auth", "trust", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {cluster.port} -k {cluster.folder} -c fsync=off"
        log = str(cluster.folder / "log")
        cluster.run("pg_ctl", "--pgdata", data, "--log", log, "--options", options, "--wait", "start")
        try:
            cluster.run(
                "createdb", "--host", "127.0.0.1", "--port", str(cluster.port), "--username", "prefect", "prefect"
            )
            yield cluster
        finally:
            cluster.run("pg_ctl", "--pgdata", data, "--mode", "immediate", "--wait", "stop")


def documented_command(repository: Path, *, database: str, port: int) -> str:
    page = (repository / "deployments" / "README.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "postgresql+asyncpg" in block]
    block, replaced = re.subn(r"postgresql\+asyncpg://[^'\s]+", database, block)
    assert replaced == 1
    block, replaced = re.subn(r"0\.0\.0\.0|prefect\.example\.org", "127.0.0.1", block.replace("4200", str(port)))
    assert replaced == 2
    return block


@pytest.fixture
def team_server(repository: Path, tmp_path: Path, postgres: Postgres) -> Iterator[str]:
    """The API of a Prefect server that was started as the page on operating says."""
    port = free_port()
    database = f"postgresql+asyncpg://prefect:any@127.0.0.1:{postgres.port}/prefect"
    command = ["bash", "-c", documented_command(repository, database=database, port=port)]
    foreign = dict.fromkeys(name for name in os.environ if name.startswith("PREFECT_"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**foreign, "PATH": path, "PREFECT_HOME": str(tmp_path / "prefect")}
    api = f"http://127.0.0.1:{port}/api"
    with ChildProcess("server", command, environment=environment, log_path=tmp_path / "server.log") as server:
        server.wait_until_ready(lambda: api if answers(f"{api}/health") else None, deadline_seconds=300)
        yield api


@pytest.mark.slow
def test_a_nightly_run_is_recorded_by_a_server_on_postgresql(
    repository: Path,
    tmp_path: Path,
    postgres: Postgres,
    team_server: str,
    azurite: Azurite,
    endpoint: EndpointSettings,
):
    environment = {
        **environment_of(Surroundings(endpoint=endpoint, storage=azurite.settings, prefect_api=team_server)),
        "PREFECT_HOME": str(tmp_path / "home"),
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs"),
    }
    deploy(environment)
    with worker(POOL, environment=environment, log_path=tmp_path / "worker.log"):
        run = subprocess.run(
            [sys.executable, "-m", "prefect", "deployment", "run", "batch-scoring/nightly", "--watch"],
            cwd=repository,
            env={**os.environ, **{name: value for name, value in environment.items() if value is not None}},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 1
    assert postgres.query("select state_name from flow_run where run_count > 0") == "Completed"
    assert int(postgres.query("select count(*) from task_run where state_name = 'Completed'")) > 5
    # The run held the slot of its deployment, and the lease of it was on the server's disk.
    assert (tmp_path / "prefect" / "concurrency_leases").is_dir()
