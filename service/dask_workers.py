"""Jobs run on a Dask cluster. Imported only when the settings ask for it; needs the package `distributed`."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import distributed

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

CONNECT_SECONDS = 5

UNTYPED: Any = distributed
"""The package has annotations in part only."""


class DaskWorkers:
    """The workers of a Dask cluster, which must have this very package installed.

    Args:
        scheduler: Address of the scheduler, such as `tcp://scheduler:8786`.

    Raises:
        OSError: The scheduler does not answer.
    """

    def __init__(self, scheduler: str) -> None:
        self._client = UNTYPED.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        # Not retried by Dask: the service counts the attempts of a job itself.
        self._executor: Executor = self._client.get_executor(pure=False, retries=0)

    @property
    def capacity(self) -> int:
        """The cluster's threads."""
        return max(1, int(sum(self._client.nthreads().values())))

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> "Future[Result]":
        """Run a function somewhere in the cluster."""
        return self._executor.submit(function, *args, **kwargs)

    def end(self, future: "Future[Result]") -> None:
        """Forget the work. What runs already runs on, and what it staged is never published."""
        future.cancel()

    def shutdown(self) -> None:
        """Leave the cluster."""
        self._executor.shutdown(wait=False)
        self._client.close(timeout=1)
