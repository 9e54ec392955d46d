"""Schema ids from a real registry: Apicurio, which speaks Confluent's interface."""

import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from confluent_kafka.schema_registry import Schema
from jgo.maven import MavenContext
from pipeline_lab import CODEC
from secure_broker import Certificates
from tls_front import tls_front

from schemas.codec import Codec, schema_id_of
from schemas.errors import SettingsError, UnavailableError, UnknownSchemaError
from schemas.events import EVENT_TYPES, AssayContext, Outcome, Prediction
from streams.doctor import schemas
from streams.doctor._checkup import Checkup
from streams.local.child import Child
from streams.local.java import find_java
from streams.local.ports import LOOPBACK, choose_port
from streams.schema_ids import RegistryIds, make_codec, registry_client
from streams.settings import Settings, load_settings
from streams.settings.services import SchemaRegistrySettings

VERSION = "3.0.9"
START_TIMEOUT_S = 60.0
EVENT = Prediction("p", 0, False, "CCO", "logP", AssayContext("L1"), "net", "1", 1.5)


def registry_jar(cache: Path, folder: Path) -> Path:
    """The registry's program, fetched once into the cache."""
    context = MavenContext(repo_cache=cache / "registry", local_repos=[], timeout=120)
    component = context.project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
    archive = component.artifact(classifier="all", packaging="tar.gz").resolve()
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.rglob("*-runner.jar"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    jar, port = registry_jar(cache_dir, folder), choose_port(None, "the registry")
    address = f"http://{LOOPBACK}:{port}/apis/ccompat/v7"
    child = Child(
        "the registry",
        [str(find_java()), "-Xmx256m", "-jar", str(jar)],
        folder / "registry.log",
        environment={"QUARKUS_HTTP_HOST": LOOPBACK, "QUARKUS_HTTP_PORT": str(port)},
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/subjects", timeout=2):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    child.start()
    try:
        child.wait_ready(answers, START_TIMEOUT_S)
        yield address
    finally:
        child.stop(3.0)


def test_ids_come_from_the_registry_and_others_can_read(url: str) -> None:
    with closing(RegistryIds(SchemaRegistrySettings(url=url))) as ids:
        payload = Codec(ids).encode(EVENT)
        assert Codec(ids).decode(payload, Prediction) == EVENT
    # Another process knows nothing but the registry.
    with closing(RegistryIds(SchemaRegistrySettings(url=url))) as ids:
        assert Codec(ids).decode(payload, Prediction) == EVENT
    assert payload[5:] == CODEC.encode(EVENT)[5:], "only the id differs from the table's"


def test_confluents_own_deserializer_reads_our_records(url: str) -> None:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    with closing(RegistryIds(SchemaRegistrySettings(url=url))) as ids:
        payload = Codec(ids).encode(EVENT)
    with closing(SchemaRegistryClient({"url": url})) as client:
        read = AvroDeserializer(client)
        record = read(payload, SerializationContext("t", MessageField.VALUE))
    assert record["molecule_id"] == "CCO" and record["context"]["reagent_batch"] == "L1"


def test_an_id_the_registry_does_not_know_is_bad_data(url: str) -> None:
    payload = b"\0" + (987_654).to_bytes(4, "big") + b"x"
    assert schema_id_of(payload) == 987_654
    ids_of_registry = RegistryIds(SchemaRegistrySettings(url=url))
    with closing(ids_of_registry) as ids, pytest.raises(UnknownSchemaError, match="987654"):
        Codec(ids).decode(payload, Outcome)


def test_a_registry_that_is_away_is_no_fault_of_the_data() -> None:
    away = f"http://{LOOPBACK}:{choose_port(None, 'nobody')}"
    codec = make_codec(SchemaRegistrySettings(url=away))
    with pytest.raises(UnavailableError, match="RECALIBRA_REGISTRY_URL"):
        codec.encode(EVENT)


def test_the_doctor_finds_a_schema_that_is_not_ours(url: str) -> None:
    settings = SchemaRegistrySettings(url=url)
    subject = "recalibra.Alert"
    foreign = {"type": "record", "name": "Alert", "fields": [{"name": "x", "type": "string"}]}
    with closing(registry_client(settings)) as client:
        client.register_schema(subject, Schema(json.dumps(foreign), "AVRO"))
        client.set_compatibility(subject, "BACKWARD")
        said = list(schemas.look(Checkup(Settings(registry=settings))))
        client.delete_subject(subject)
    assert [f.text for f in said if f.level == "error"] == [
        f"the registry at {url} holds another schema of Alert that does not go with this program's"
    ]


def test_a_registry_over_tls_and_one_that_is_not_trusted(url: str, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    plain = urlsplit(url)
    with tls_front(int(plain.port or 0), certificates.server_file) as port:
        secure = f"https://{LOOPBACK}:{port}{plain.path}"
        settings = SchemaRegistrySettings(url=secure, ca_file=certificates.ca_file)
        with closing(RegistryIds(SchemaRegistrySettings(url=url))) as plainly:
            payload = Codec(plainly).encode(EVENT)
        with closing(RegistryIds(settings)) as ids:
            assert Codec(ids).decode(payload, Prediction) == EVENT
            levels = [f.level for f in schemas.look(Checkup(Settings(registry=settings)))]
            assert levels == ["warning"], "not every schema is registered yet"
            for name in EVENT_TYPES:
                ids.id_of(name)
        levels = [f.level for f in schemas.look(Checkup(Settings(registry=settings)))]
        assert levels == ["ok"]
        untrusted = RegistryIds(SchemaRegistrySettings(url=secure))
        with closing(untrusted) as ids, pytest.raises(SettingsError, match="is not trusted: set"):
            Codec(ids).encode(EVENT)


def test_a_password_has_no_place_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALIBRA_REGISTRY_URL", "http://lab:sesame@registry:8081")
    with pytest.raises(SettingsError, match="must hold no password") as raised:
        load_settings()
    assert "sesame" not in str(raised.value)
