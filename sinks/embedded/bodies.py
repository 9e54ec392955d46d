"""Request bodies as files: read from the event loop by a worker thread, decompressed as read.

At most a few pieces are in memory at a time, whatever the body's size or ratio of compression.
"""

import asyncio
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

import lz4.frame  # type: ignore[import-untyped]
from aiohttp import StreamReader

from sinks.embedded.errors import (
    CANNOT_DECOMPRESS,
    TOO_LARGE_BODY,
    UNKNOWN_COMPRESSION,
    QueryRefusedError,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1024 * 1024


class Readable(Protocol):
    """What a body gives: bytes, and b"" at its end."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""


class LoopReader(io.RawIOBase):
    """A request's content as a blocking file for a worker thread."""

    def __init__(self, content: StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        self._content = content
        self._loop = loop
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with what has come; 0 means the end. Raises ConnectionError."""
        if not self._rest:
            arrival = asyncio.run_coroutine_threadsafe(self._content.readany(), self._loop)
            self._rest = memoryview(arrival.result())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _DeflateFile(io.RawIOBase):
    """HTTP's "deflate" (RFC 9110, 8.4.1.2: zlib's format) as a file."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._inflater = zlib.decompressobj()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`; 0 means the end. Raises zlib.error and EOFError."""
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._source.read(PIECE_BYTES)
            plain = self._inflater.decompress(packed, len(buffer))
            if plain:
                buffer[: len(plain)] = plain
                return len(plain)
            if not packed:
                raise EOFError("the stream ends before its end mark")
        return 0


def _opened(raw: io.RawIOBase, encoding: str) -> Readable:
    source = io.BufferedReader(raw, PIECE_BYTES)
    if encoding in ("", "identity"):
        return source
    if encoding in ("gzip", "x-gzip"):
        return gzip.GzipFile(fileobj=source, mode="rb")
    if encoding == "deflate":
        return io.BufferedReader(_DeflateFile(source), PIECE_BYTES)
    if encoding == "lz4":
        opened: Readable = lz4.frame.LZ4FrameFile(source, mode="rb")
        return opened
    if encoding == "zstd":
        return zstd.ZstdFile(source, mode="rb")
    raise QueryRefusedError(
        UNKNOWN_COMPRESSION,
        "UNKNOWN_COMPRESSION_METHOD",
        f"Content-Encoding {encoding!r} is not known; use lz4, zstd, gzip or deflate.",
    )


class Body:
    """The plain bytes of a request; `encoding` is its Content-Encoding in small letters."""

    def __init__(self, raw: io.RawIOBase, encoding: str) -> None:
        self._encoding = encoding
        self._file = _opened(raw, encoding)

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end; raises QueryRefusedError, ConnectionError."""
        parts, left = [], size
        while left:
            part = self._read_some(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except ConnectionError:
            raise
        except (OSError, EOFError, RuntimeError, zlib.error, zstd.ZstdError) as error:
            raise QueryRefusedError(
                CANNOT_DECOMPRESS,
                "CANNOT_DECOMPRESS",
                f"The body is not whole {self._encoding}: {error}.",
            ) from error

    def pieces(self) -> Iterator[bytes]:
        """Yield the rest in pieces of PIECE_BYTES; raises as `read`."""
        while piece := self.read(PIECE_BYTES):
            yield piece

    def read_whole(self, bytes_max: int) -> bytes:
        """Return the rest, at most `bytes_max`; raises QueryRefusedError when there is more."""
        whole = self.read(bytes_max + 1)
        if len(whole) > bytes_max:
            raise QueryRefusedError(
                TOO_LARGE_BODY,
                "TOO_MANY_BYTES",
                f"The statement has more than {bytes_max} bytes; send data by INSERT … FORMAT.",
            )
        return whole
