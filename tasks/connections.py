"""What a flow run talks to: the web service and the container of its runs, resolved once, at its start."""

from bes.settings import Connections, EndpointSettings, StorageSettings
from tasks.blocks import BlobContainer, WebService, load_block


# No task of its own, whose result Prefect might be told to keep.
def resolve_connections(web_service: str | None = None, storage: str | None = None) -> Connections:
    """The connections: each from the block that is named, whole; where none is named, from the environment.

    Args:
        web_service: Name of a block of the type BES Web Service.
        storage: Name of a block of the type BES Blob Container.

    Raises:
        ConfigurationError: A block cannot be used, or without one the environment is not complete.
    """
    connections = Connections(
        endpoint=load_block(WebService, web_service).settings() if web_service else EndpointSettings(),
        storage=resolve_storage(storage),
    )
    connections.endpoint.check()
    return connections


def resolve_storage(name: str | None) -> StorageSettings:
    """The storage alone: from the block of that name, or from the environment.

    Raises:
        ConfigurationError: The block cannot be used, or without one the environment is not complete.
    """
    storage = load_block(BlobContainer, name).settings() if name else StorageSettings()
    storage.check()
    return storage
