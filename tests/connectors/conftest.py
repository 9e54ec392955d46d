"""Topics of its own for each test on the shared broker."""

import uuid

import pytest
from kafka_lab import ENTERING, Broker, Lab


@pytest.fixture
def bare_lab(broker: Broker) -> Lab:
    """A prefix without topics."""
    return Lab(broker.bootstrap_servers, f"t{uuid.uuid4().hex[:12]}")


@pytest.fixture
def lab(bare_lab: Lab) -> Lab:
    """A prefix with the topics that events enter by."""
    bare_lab.create(ENTERING)
    return bare_lab
