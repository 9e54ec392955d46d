"""Fixtures of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_endpoint import Endpoint, running


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint that the tests of one module share and leave running."""
    yield from running(tmp_path_factory.mktemp("embedded"))


@pytest.fixture
def own_endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """An endpoint that a test may stop and kill."""
    yield from running(tmp_path)
