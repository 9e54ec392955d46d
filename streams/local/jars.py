"""Kafka's jar files: fetched once into a cache folder, verified at every start.

`kafka.lock` names each file by its path in a Maven repository, with its SHA-256, in the format
of `sha256sum --check`. jgo resolves the dependencies when the lock is written
(`python -m streams.local.jars CACHE > streams/local/kafka.lock`) and fetches the files; it only
warns of a wrong checksum and leaves half a file behind when it is killed, so files are fetched
into a folder of their own and moved into the cache once they match the lock.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from schemas.errors import UserError
from streams.local.child import Progress

KAFKA_VERSION = "4.3.0"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka's own distribution adds this binding: without it the broker logs nothing at all.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LOCK_FILE = Path(__file__).with_name("kafka.lock")
FETCHES_AT_ONCE = 4
FETCH_TIMEOUT_S = 20
FETCH_ATTEMPTS = 2

_log = logging.getLogger(__name__)


def kafka_jars(cache: Path, repository: str | None, progress: Progress) -> list[Path]:
    """Return the jar files to put on Kafka's class path, fetching those that the cache lacks.

    `repository` is the address of a Maven repository; None means Maven Central. Needs no network
    when the cache is complete. Several processes may share a cache.

    Raises UserError when files are missing and cannot be fetched or written.
    """
    locked = read_lock()
    folder = cache / "maven"
    missing = [path for path, digest in locked.items() if _sha256(folder / path) != digest]
    if missing:
        try:
            _fetch_all(folder, {path: locked[path] for path in missing}, repository, progress)
        except OSError as error:
            _log.error("fetching into %s failed: %s", folder, error)
            raise UserError(
                f"The cache folder {cache} cannot be written ({error.strerror}): free space on its"
                " disk, mend its permissions, or choose another."
            ) from error
    return [folder / path for path in locked]


def read_lock() -> dict[str, str]:
    """Return the SHA-256 (64 hexadecimal digits) of each file by its path in the repository."""
    lines = LOCK_FILE.read_text(encoding="ascii").splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def _fetch_all(
    folder: Path, wanted: dict[str, str], repository: str | None, progress: Progress
) -> None:
    with _staging(folder.parent) as staging, ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        fetches = [
            pool.submit(_fetch, folder, staging, path, digest, repository)
            for path, digest in wanted.items()
        ]
        try:
            for done, fetch in enumerate(as_completed(fetches)):
                fetch.result()
                progress(
                    f"Fetching Kafka {KAFKA_VERSION} (first start only): "
                    f"{done + 1} of {len(wanted)} files"
                )
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    """Give a folder beside the jars, so that a finished file is moved and never copied.

    Those of processes that were killed are removed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob("fetching-*-*"):
        pid = left.name.split("-")[1]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"fetching-{os.getpid()}-", dir=cache) as name:
        yield Path(name)


def _fetch(folder: Path, staging: Path, path: str, digest: str, repository: str | None) -> None:
    """Fetch one file; what earlier fetches brought stays in the cache when this one fails."""
    import requests
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    address = (repository or MAVEN_CENTRAL_URL).rstrip("/")
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=staging,
        local_repos=[],
        remote_repos={"maven": address},
        timeout=FETCH_TIMEOUT_S,
    )
    *group, artifact_id, version, file_name = path.split("/")
    artifact = context.project(".".join(group), artifact_id).at_version(version).artifact()
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        (staging / path).unlink(missing_ok=True)
        try:
            fetched = Path(artifact.resolve())
            break
        except (requests.RequestException, RuntimeError) as error:
            _log.warning("attempt %d to fetch %s failed: %s", attempt, path, type(error).__name__)
            if attempt == FETCH_ATTEMPTS:
                raise _cannot_fetch(address, folder.parent) from error
    if _sha256(fetched) != digest:
        raise UserError(
            f"{file_name} from {_host(address)} is not the file that Kafka {KAFKA_VERSION} needs"
            " (its checksum differs): check the network's proxy or the Maven repository set."
        )
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(folder / path)


def _cannot_fetch(address: str, cache: Path) -> UserError:
    return UserError(
        f"Kafka {KAFKA_VERSION} could not be fetched from {_host(address)}, which only the first"
        " start needs: connect to the network, set HTTPS_PROXY, set a Maven repository that this"
        f" machine can reach, or copy the folder {cache} from a machine that has started once."
    )


def _host(address: str) -> str:
    """Return the host alone: an address in the settings may hold a password."""
    return urlsplit(address).hostname or "the Maven repository"


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def write_lock(cache: Path) -> str:
    """Resolve Kafka with jgo into `cache`, a Maven repository folder; return a new lock's text."""
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=cache, local_repos=[])
    kafka = context.create_dependency(KAFKA)
    binding = context.create_dependency(LOG_BINDING)
    # Raw: the binding's own managed versions must not replace those that Kafka was built with.
    binding.raw = True
    inputs, transitive = context.resolver.resolve([kafka, binding])
    needed = [dependency for dependency in transitive if dependency.scope in ("compile", "runtime")]
    paths = [Path(dependency.artifact.resolve()) for dependency in [*inputs, *needed]]
    lines = [f"{_sha256(path)}  {path.relative_to(cache).as_posix()}" for path in paths]
    return "\n".join(sorted(lines, key=lambda line: line.split()[1])) + "\n"


if __name__ == "__main__":
    sys.stdout.write(write_lock(Path(sys.argv[1])))
