"""The local stack with the real Kafka broker alone: clients, settings, refusals."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.errors import OursError, UserError
from streams.local import state
from streams.local.kafka import MESSAGE_BYTES_MAX
from streams.local.ports import LOOPBACK, choose_port
from streams.local.stack import LocalStack

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_CACHE = REPOSITORY / ".recalibra" / "cache"
DEADLINE_S = 30.0


def kafka_only(state_dir: Path, **options: object) -> LocalStack:
    return LocalStack(state_dir, SHARED_CACHE, clickhouse=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    port = choose_port(None, "test")
    with kafka_only(tmp_path_factory.mktemp("stack"), kafka_port=port) as running:
        assert running.bootstrap_servers == f"{LOOPBACK}:{port}"
        yield running


def create_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(DEADLINE_S)


def java_of(stack: LocalStack) -> psutil.Process:
    (java,) = psutil.Process(stack.process_ids["Kafka"]).children()
    return java


def test_clients_are_sent_to_the_address_they_know(stack: LocalStack) -> None:
    brokers = AdminClient({"bootstrap.servers": stack.bootstrap_servers}).list_topics(
        timeout=DEADLINE_S
    )
    (broker,) = brokers.brokers.values()
    assert f"{broker.host}:{broker.port}" == stack.bootstrap_servers


def test_the_broker_listens_on_loopback_only(stack: LocalStack) -> None:
    listening = [
        one.laddr.ip
        for one in java_of(stack).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {ip.removeprefix("::ffff:") for ip in listening} == {LOOPBACK}


def test_settings_that_the_streams_rely_on(stack: LocalStack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    (described,) = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    settings = {name: entry.value for name, entry in described.result(DEADLINE_S).items()}
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == "0"
    assert settings["offsets.topic.replication.factor"] == "1"
    assert settings["transaction.state.log.min.isr"] == "1"
    assert int(settings["message.max.bytes"]) == MESSAGE_BYTES_MAX


def test_an_unknown_topic_is_not_made(stack: LocalStack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    admin.list_topics("never.made", timeout=DEADLINE_S)
    assert "never.made" not in admin.list_topics(timeout=DEADLINE_S).topics


def test_transactions_and_large_messages_work(stack: LocalStack) -> None:
    create_topic(stack.bootstrap_servers, "large")
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap_servers,
            "transactional.id": "lane",
            "message.max.bytes": MESSAGE_BYTES_MAX,
        }
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    producer.produce("large", bytes(MESSAGE_BYTES_MAX - 100_000))
    producer.commit_transaction(DEADLINE_S)


def test_a_second_stack_in_the_folder_is_refused(stack: LocalStack) -> None:
    folder = Path(stack.addresses.users_file).parent
    with pytest.raises(UserError, match=rf"already running in {re.escape(str(folder))} \(process"):
        kafka_only(folder).start()
    assert state.read_running_stack(folder) == stack.addresses
    stack.check()


def test_a_port_in_use_is_refused_and_the_folder_is_free_again(
    stack: LocalStack, tmp_path: Path
) -> None:
    port = int(stack.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(UserError, match=f"Port {port} for Kafka is in use"):
        kafka_only(tmp_path, kafka_port=port).start()
    state.StateLock.acquire(tmp_path).release()


def test_no_network_is_refused_and_the_folder_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    nowhere = f"http://{LOOPBACK}:{choose_port(None, 'nobody')}"
    unstarted = LocalStack(tmp_path, clickhouse=False, maven_repository=nowhere)
    with pytest.raises(UserError, match="could not be fetched"):
        unstarted.start()
    with pytest.raises(OursError, match="not running"):
        _ = unstarted.bootstrap_servers
    state.StateLock.acquire(tmp_path).release()


def test_a_broker_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    with pytest.raises(OursError, match=r"(?s)Kafka ended unexpectedly.*meta\.properties"):
        kafka_only(tmp_path).start()
