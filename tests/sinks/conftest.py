"""Fixtures of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from embedded_endpoint import Endpoint, running
from sink_examples import empty, sink_on

from sinks.clickhouse import ClickHouseSink


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint that the tests of one module share and leave running."""
    yield from running(tmp_path_factory.mktemp("embedded"))


@pytest.fixture
def own_endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """An endpoint that a test may stop and kill."""
    yield from running(tmp_path)


@pytest.fixture(scope="module")
def made(endpoint: Endpoint) -> Iterator[ClickHouseSink]:
    sink = sink_on(endpoint)
    sink.ensure_tables()
    sink.ensure_tables()
    yield sink
    sink.close()


@pytest.fixture(scope="module")
def analyst(endpoint: Endpoint, made: ClickHouseSink) -> Iterator[Client]:
    client = endpoint.client("analyst")
    yield client
    client.close()


@pytest.fixture(scope="module")
def writer(endpoint: Endpoint, made: ClickHouseSink) -> Iterator[Client]:
    client = endpoint.client()
    yield client
    client.close()


@pytest.fixture
def sink(made: ClickHouseSink, writer: Client) -> ClickHouseSink:
    empty(writer)
    return made
