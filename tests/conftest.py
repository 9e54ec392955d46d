"""One real broker and one real ClickHouse for the whole run, started by the run itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.local.stack import LocalStack

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """Where Kafka's files are kept from run to run."""
    return REPOSITORY / ".recalibra" / "cache"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[LocalStack]:
    """Kafka and ClickHouse on free ports."""
    with LocalStack(tmp_path_factory.mktemp("stack"), cache_dir) as running:
        yield running


@pytest.fixture(scope="session")
def broker(stack: LocalStack) -> LocalStack:
    """The broker alone, by its `bootstrap_servers`."""
    return stack
