"""Fixtures of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_lab import PipelineLab
from secure_broker import SecureBroker, secure_broker

from streams.local.stack import LocalStack
from streams.supervisor import Supervisor


@pytest.fixture
def lab(stack: LocalStack, tmp_path: Path) -> PipelineLab:
    """Topics and a database that no other test uses."""
    return PipelineLab(stack, tmp_path)


@pytest.fixture
def storing_lab(stack: LocalStack, tmp_path: Path) -> Iterator[PipelineLab]:
    """A lab with a ClickHouse that no other test uses."""
    with LocalStack(tmp_path / "clickhouse", kafka=False) as clickhouse:
        yield PipelineLab(stack, tmp_path, clickhouse)


@pytest.fixture(scope="module")
def joining(
    stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PipelineLab, Supervisor]]:
    """One running join for the tests of a module."""
    lab = PipelineLab(stack, tmp_path_factory.mktemp("joining"))
    with lab.stages("join") as running:
        yield lab, running


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[SecureBroker]:
    """A broker with TLS, logins and access rights."""
    with secure_broker(tmp_path_factory.mktemp("secured"), cache_dir) as running:
        yield running
