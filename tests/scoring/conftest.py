"""A container of its own for each test."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from bes.blobs import BlobStore


@pytest.fixture
def store(azurite: Any) -> Iterator[BlobStore]:
    settings = azurite.settings.model_copy(update={"container": f"test-{uuid.uuid4().hex}"})
    with BlobStore(settings) as opened:
        opened.ensure_container()
        yield opened
