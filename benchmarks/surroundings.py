"""What end-to-end benchmarks run on: the local stack of its own home, with a web service that scores book reviews."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from benchmarks.reviews import contract_document
from bes.settings import EndpointSettings
from deployments.embedded import Surroundings, environment_of
from deployments.processes import Environment
from deployments.stack import LocalStack
from service.declaration import feature_hashing_declaration, key_hash

_REPOSITORY = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A running stack.

    Args:
        environment: In which the command line finds all of it; without Prefect where that was not asked for.
        contract: Of `benchmarks.reviews`.
        web_service_url: The web service itself, behind its gateway.
    """

    home: Path
    endpoint: EndpointSettings
    connection_string: str
    environment: Environment
    contract: Path
    web_service_url: str

    @property
    def base_url(self) -> str:
        """Address of the web service through the gateway, up to and with its id."""
        return f"{self.endpoint.url}/workspaces/{self.endpoint.workspace}/services/{self.endpoint.service}"

    def make_container(self, name: str) -> str:
        """A new container of the storage; returns its name."""
        with BlobServiceClient.from_connection_string(self.connection_string) as service:
            service.create_container(name)
        return name


@contextmanager
def running_bench(home: Path, *, with_prefect: bool) -> Iterator[Bench]:
    """Start the storage, the web service, its gateway and perhaps a Prefect server; stop them at the end."""
    with LocalStack(home) as stack:
        prefect_ready = stack.start_prefect() if with_prefect else None
        storage = stack.start_storage()
        endpoint = stack.start_web_service(storage, _definition(stack))
        chosen = Surroundings(
            endpoint=endpoint,
            storage=storage,
            prefect_api=prefect_ready() if prefect_ready else None,
            prefect_environment=stack.prefect_environment() if prefect_ready else {},
        )
        contract = home / "generated_reviews.yaml"
        contract.write_text(json.dumps(contract_document()))
        yield Bench(
            home=home,
            endpoint=endpoint,
            connection_string=storage.require().get_secret_value(),
            environment={**environment_of(chosen), "PYTHONPATH": str(_REPOSITORY)},
            contract=contract,
            web_service_url=stack.web_service_url,
        )


def _definition(stack: LocalStack) -> Path:
    """The guide's web service, but for the name of its column."""
    keys = stack.keys
    text = feature_hashing_declaration(
        workspace=keys.workspace, service=keys.service, key_hashes=[key_hash(keys.api_key)]
    )
    path = stack.home / "reviews-service.toml"
    path.write_text(text.replace('"Col2"', '"review"'))
    return path
