"""How a flow speaks to the Prefect server."""

from contextlib import AbstractContextManager

from prefect.context import SyncClientContext


def one_client() -> AbstractContextManager[SyncClientContext]:
    """One client of the server for all task runs that begin in the block, in whatever thread.

    An async flow has none that its sync tasks could use. Each would make its own and load the certificates for it, even
    where the server is spoken to without TLS, and that would be most of what a task run costs.
    """
    return SyncClientContext.get_or_create()
