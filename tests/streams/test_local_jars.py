"""Kafka's jars: fetched once, verified, kept; a repository on loopback stands for Maven's."""

import gc
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import UserError
from streams.local.jars import KAFKA_VERSION, kafka_jars, read_lock
from streams.local.java import JAVA_MAJOR_MIN, find_java, java_major
from streams.local.ports import LOOPBACK, choose_port

SHARED_CACHE = Path(__file__).resolve().parents[2] / ".recalibra" / "cache"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def shared_jars() -> list[Path]:
    return kafka_jars(SHARED_CACHE, None, lambda _line: None)


@pytest.fixture
def cache(tmp_path: Path, shared_jars: list[Path]) -> Path:
    """A complete cache of hard links, free to be damaged by removing files."""
    folder = tmp_path / "cache"
    for jar in shared_jars:
        copy = folder / jar.relative_to(SHARED_CACHE)
        copy.parent.mkdir(parents=True)
        os.link(jar, copy)
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture
def repository() -> Iterator[str]:
    with served(SHARED_CACHE / "maven") as address:
        yield address


@pytest.fixture
def nowhere() -> str:
    return f"http://someone:secret@{LOOPBACK}:{choose_port(None, 'nobody')}/maven2/"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    monkeypatch.setenv("no_proxy", LOOPBACK)


def test_a_complete_cache_needs_no_network(cache: Path, nowhere: str) -> None:
    lines: list[str] = []
    jars = kafka_jars(cache, nowhere, lines.append)
    assert lines == []
    assert all(jar.is_file() for jar in jars)
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in {jar.name for jar in jars}


def test_missing_and_damaged_files_are_fetched_again(cache: Path, repository: str) -> None:
    missing, damaged, *_ = (cache / "maven" / path for path in read_lock())
    whole = damaged.read_bytes()
    for path in (missing, damaged):
        path.unlink()
    damaged.write_bytes(whole[:-1])
    ended = subprocess.Popen(["true"])
    ended.wait()
    (cache / f"fetching-{ended.pid}-x").mkdir()
    lines: list[str] = []
    kafka_jars(cache, repository, lines.append)
    assert lines == [
        f"Fetching Kafka {KAFKA_VERSION} (first start only): 1 of 2 files",
        f"Fetching Kafka {KAFKA_VERSION} (first start only): 2 of 2 files",
    ]
    assert missing.is_file()
    assert damaged.read_bytes() == whole
    assert [path.name for path in cache.iterdir()] == ["maven"]


def test_no_network_at_the_first_start_says_what_to_do(tmp_path: Path, nowhere: str) -> None:
    with pytest.raises(UserError) as caught:
        kafka_jars(tmp_path, nowhere, lambda _line: None)
    message = str(caught.value)
    assert f"could not be fetched from {LOOPBACK}, which only the first start needs" in message
    assert "HTTPS_PROXY" in message
    assert str(tmp_path) in message
    assert "secret" not in message
    assert list(tmp_path.iterdir()) == []


# jgo leaves the connection of a refused request to the garbage collector: collect it here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_repository_that_lacks_a_file_says_what_to_do(cache: Path, repository: str) -> None:
    (cache / "maven" / next(iter(read_lock()))).unlink()
    with pytest.raises(UserError, match="could not be fetched"):
        kafka_jars(cache, f"{repository}/elsewhere", lambda _line: None)
    gc.collect()


def test_a_file_with_another_checksum_is_refused_and_not_kept(cache: Path, tmp_path: Path) -> None:
    path = next(iter(read_lock()))
    (cache / "maven" / path).unlink()
    forged = tmp_path / "forged" / path
    forged.parent.mkdir(parents=True)
    forged.write_bytes(b"not a jar")
    with (
        served(tmp_path / "forged") as address,
        pytest.raises(UserError, match=f"{forged.name} from .* checksum differs"),
    ):
        kafka_jars(cache, address, lambda _line: None)
    assert not (cache / "maven" / path).exists()


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path, repository: str) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(UserError, match="cannot be written"):
        kafka_jars(tmp_path / "cache", repository, lambda _line: None)


def test_the_java_found_is_new_enough() -> None:
    assert java_major(find_java()) >= JAVA_MAJOR_MIN


def test_what_is_no_java_has_version_0(tmp_path: Path) -> None:
    assert java_major(tmp_path / "java") == 0
    assert java_major(Path("/bin/echo")) == 0
