import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.running import Keys, running_service

pytest.importorskip("distributed", reason="the extra for Dask is not installed")

CLUSTER = """
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None, silence_logs=50) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("dask") / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.communicate("\n", timeout=20)


def test_jobs_run_on_a_dask_cluster(azurite: Any, scheduler: str, tmp_path: Path) -> None:
    with running_service(
        tmp_path, azurite.connection_string, keys=Keys(), executor="dask", dask_scheduler=scheduler
    ) as service:
        good = service.upload("good.csv", "Col2\nThis is a good day\n")
        bad = service.upload("bad.csv", "Col2,x\na\n")
        jobs = [service.run({"Input": good, "Output": service.reference(f"out{index}.csv")}) for index in range(3)]
        jobs.append(service.run({"Input": bad}))
        ended = [service.ended(job) for job in jobs]
        assert [status["StatusCode"] for status in ended] == ["Finished"] * 3 + ["Failed"]
        assert "line 2 has 1 cells" in ended[-1]["Details"]
        assert service.download("out2.csv").splitlines()[1:] == ["1,1,2,2,0,2,0,1"]
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_service_without_its_cluster_does_not_start_and_says_why(azurite: Any, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"tcp://127\.0\.0\.1:1"),
        running_service(
            tmp_path, azurite.connection_string, keys=Keys(), executor="dask", dask_scheduler="tcp://127.0.0.1:1"
        ),
    ):
        pass
