"""What a flow run talks to: the web service and the container of its runs, resolved once, at its start."""

from bes.settings import Connections, EndpointSettings, StorageSettings


# No task of its own, whose result Prefect might be told to keep.
def resolve_connections() -> Connections:
    """The connections that the environment names.

    Raises:
        ConfigurationError: One of them is not set, or only in part.
    """
    connections = Connections(endpoint=EndpointSettings(), storage=StorageSettings())
    connections.endpoint.check()
    connections.storage.require()
    return connections
