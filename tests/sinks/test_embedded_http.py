"""The endpoint as clients see it: clickhouse-connect, pandas, and plain HTTP as curl speaks it."""

import asyncio
import datetime as dt
import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]
import pandas as pd
import pytest
import urllib3
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from embedded_endpoint import DATABASE, Endpoint
from hypothesis import given, settings
from hypothesis import strategies as st

TIME = dt.datetime(2024, 5, 6, 7, 8, 9, 123456)
ROWS = [(1, "x", None, 0.5), (2, "it's \\ ω\t\n", TIME, None)]
COLUMNS = ["a", "b", "at", "v"]
MANY = [str(n).encode() for n in range(300)]


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    client = endpoint.client()
    client.command(
        "CREATE OR REPLACE TABLE t (a UInt32, b String, at Nullable(DateTime64(6, 'UTC')), "
        "v Nullable(Float64)) ENGINE = MergeTree ORDER BY a"
    )
    yield client
    client.close()


def http(
    endpoint: Endpoint,
    body: bytes | None = None,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    user: str = "writer",
    **arguments: str,
) -> urllib3.BaseHTTPResponse:
    login = urllib3.make_headers(basic_auth=f"{user}:{endpoint.passwords[user]}")
    url = f"{endpoint.url}?{urlencode({'database': DATABASE, **arguments})}"
    return urllib3.request(method, url, body=body, headers={**login, **(headers or {})})


def test_rows_come_back_as_they_were_inserted(client: Client) -> None:
    client.insert("t", ROWS, column_names=COLUMNS)
    assert client.query("SELECT * FROM t ORDER BY a").result_rows == ROWS


def test_parameters_are_bound_by_the_engine(client: Client) -> None:
    client.insert("t", ROWS, column_names=COLUMNS)
    found = client.query("SELECT a FROM t WHERE b = {b:String}", parameters={"b": ROWS[1][1]})
    assert found.result_rows == [(2,)]
    client.command("INSERT INTO t (a, b) VALUES (3, {b:String})", parameters={"b": "');--"})
    assert client.query("SELECT b FROM t WHERE a = 3").result_rows == [("');--",)]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", False])
def test_frames_pass_under_every_compression(
    endpoint: Endpoint, client: Client, compression: str | bool
) -> None:
    frame = pd.DataFrame({"a": range(50_000), "b": [f"row {i}" for i in range(50_000)]})
    other = endpoint.client(compress=compression)
    other.insert_df("t", frame)
    back = client.query_df("SELECT a, b FROM t ORDER BY a")
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    other.close()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("identity", lambda data: data),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("deflate", zlib.compress),
        ("lz4", lambda data: lz4.frame.compress(data[:9]) + lz4.frame.compress(data[9:])),
        ("zstd", lambda data: zstandard.compress(data[:9]) + zstandard.compress(data[9:])),
    ],
)
def test_bodies_are_decompressed_also_when_made_of_several_frames(
    endpoint: Endpoint, client: Client, encoding: str, packed: Callable[[bytes], bytes]
) -> None:
    body = packed(b"INSERT INTO t (a, b) FORMAT CSV\n" + b"1,one\n2,two\n" * 1000)
    answer = http(endpoint, body, headers={"Content-Encoding": encoding})
    assert (answer.status, answer.data) == (200, b"")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "2000"
    assert client.query("SELECT count(), sum(a) FROM t").result_rows == [(2000, 3000)]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_a_cut_off_body_is_refused(endpoint: Endpoint, client: Client, encoding: str) -> None:
    data = b"INSERT INTO t (a, b) FORMAT CSV\n" + b"1,one\n" * 1000
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "lz4": lz4.frame.compress,
        "zstd": zstandard.compress,
    }[encoding]
    answer = http(endpoint, pack(data)[:-4], headers={"Content-Encoding": encoding})
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "271")
    assert client.command("SELECT count() FROM t") == 0


def test_statement_in_the_query_string_and_data_in_the_body(
    endpoint: Endpoint, client: Client
) -> None:
    assert http(endpoint, b"1,x,\\N,2.5\n", query="INSERT INTO t FORMAT CSV").status == 200
    assert http(endpoint, b"(2, 'y', NULL, 3.5)", query="INSERT INTO t VALUES").status == 200
    assert http(endpoint, b"INSERT INTO t SELECT 3, 'z', NULL, 4.5").status == 200
    answer = http(endpoint, method="GET", query="SELECT sum(v), count() FROM t FORMAT JSON")
    assert json.loads(answer.data)["data"] == [{"sum(v)": 10.5, "count()": 3}]
    assert answer.headers["Content-Type"].startswith("application/json")


def test_get_does_not_write(endpoint: Endpoint, client: Client) -> None:
    answer = http(endpoint, method="GET", query="DROP TABLE t")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")
    assert client.command("EXISTS TABLE t") == 1


def test_ping_and_a_form(endpoint: Endpoint) -> None:
    assert urllib3.request("GET", f"{endpoint.url}ping").data == b"Ok.\n"
    login = urllib3.make_headers(basic_auth=f"writer:{endpoint.passwords['writer']}")
    fields = {"query": "SELECT {n:UInt8} + 1", "param_n": "41"}
    answer = urllib3.request("POST", endpoint.url, fields=fields, headers=login)
    assert answer.data == b"42\n"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEC 1", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT nope", 47),
        ("SELECT * FROM nope", 60),
        ("SELECT throwIf(number = 3) FROM numbers(5)", 395),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
    ],
)
def test_errors_arrive_as_the_drivers_own(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as error:
        client.query(sql)
    assert error.value.code == code


def test_bad_data_is_refused_and_the_next_insert_goes_on(client: Client) -> None:
    with pytest.raises(DatabaseError) as error:
        client.raw_insert("t", ["a", "b"], b"not a number,x\n", fmt="CSV")
    assert error.value.code == 27
    client.raw_insert("t", ["a", "b"], b"7,x\n", fmt="CSV")
    assert client.command("SELECT a FROM t") == 7


@pytest.mark.parametrize(
    ("table", "data", "code"),
    [
        ("(a UInt32, CONSTRAINT small CHECK a < 5) ENGINE = MergeTree ORDER BY a", b"9\n", 469),
        ("(a UInt32) ENGINE = MergeTree ORDER BY a PARTITION BY a", b"\n".join(MANY), 252),
    ],
)
def test_what_fails_when_the_last_block_is_written_is_not_acknowledged(
    endpoint: Endpoint, client: Client, table: str, data: bytes, code: int
) -> None:
    client.command(f"CREATE OR REPLACE TABLE strict {table}")
    with pytest.raises(DatabaseError) as error:
        client.raw_insert("strict", ["a"], data, fmt="CSV")
    assert error.value.code == code
    assert client.command("SELECT count() FROM strict") == 0


@given(st.lists(st.binary() | st.sampled_from([b"\n;", b"';DROP TABLE t;--", b"\r\n\\N"])))
@settings(max_examples=25, deadline=None)
def test_any_bytes_arrive_as_they_are(endpoint: Endpoint, texts: list[bytes]) -> None:
    client = endpoint.client()
    client.command("CREATE OR REPLACE TABLE raw (n UInt32, b String) ENGINE = Memory")
    if texts:
        client.insert("raw", list(enumerate(texts)), column_names=["n", "b"])
    found = client.query("SELECT hex(b) FROM raw ORDER BY n").result_rows
    client.close()
    assert [bytes.fromhex(row[0]) for row in found] == texts


def test_settings_within_an_insert_and_an_insert_without_rows(
    endpoint: Endpoint, client: Client
) -> None:
    sql = b"INSERT INTO t (a, b) SETTINGS input_format_null_as_default = 1 FORMAT CSV\n1,\\N\n"
    assert http(endpoint, sql).status == 200
    assert http(endpoint, b"INSERT INTO t FORMAT CSV\n").status == 200
    assert client.query("SELECT a, b FROM t").result_rows == [(1, "")]
    assert not list((endpoint.path / "spool").iterdir())


def test_an_error_behind_sent_rows_is_told_in_the_body(endpoint: Endpoint) -> None:
    sql = b"SELECT number, throwIf(number = 900000) FROM numbers(1000000) FORMAT CSV"
    answer = http(endpoint, sql)
    assert answer.status == 200
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    assert answer.data.endswith(tag + b"\r\n__exception__\r\n")
    assert b"Code: 395" in answer.data
    assert http(endpoint, sql, wait_end_of_query="1").status == 500


def test_a_session_keeps_its_settings_and_survives_an_error(endpoint: Endpoint) -> None:
    client = endpoint.client(autogenerate_session_id=True)
    asked = "SELECT getSetting('max_threads')"
    client.command("SET max_threads = 1")
    assert client.command(asked) == 1
    assert client.command(asked, settings={"max_threads": 2}) == 2
    assert client.command(asked) == 1
    with pytest.raises(DatabaseError):
        client.query("SELECT throwIf(1)")
    assert client.command(asked) == 1
    client.close()


def test_sessions_are_apart_and_used_by_one_request_at_a_time(endpoint: Endpoint) -> None:
    assert http(endpoint, b"SELECT 1", session_id="new", session_check="1").status == 404
    assert http(endpoint, b"SET max_threads = 1", session_id="one").status == 200
    asked = b"SELECT getSetting('max_threads') = 1"
    assert http(endpoint, asked, session_id="one", session_check="1").data == b"1\n"
    assert http(endpoint, asked, session_id="one", user="analyst").status == 200

    async def both() -> list[int]:
        slow = [b"SELECT sleep(1)"] * 2
        calls = [asyncio.to_thread(http, endpoint, sql, session_id="one") for sql in slow]
        return sorted(answer.status for answer in await asyncio.gather(*calls))

    assert asyncio.run(both()) == [200, 423]


def test_the_async_client_runs_queries_side_by_side(endpoint: Endpoint) -> None:
    async def squares() -> list[int]:
        client = await clickhouse_connect.get_async_client(
            host="127.0.0.1",
            port=endpoint.port,
            username="analyst",
            password=endpoint.passwords["analyst"],
            database=DATABASE,
            autogenerate_session_id=False,
        )
        found = await asyncio.gather(*(client.query(f"SELECT {n} * {n}") for n in range(8)))
        await client.close()
        return [answer.result_rows[0][0] for answer in found]

    assert asyncio.run(squares()) == [n * n for n in range(8)]


def test_a_query_stops_when_its_client_leaves(endpoint: Endpoint, client: Client) -> None:
    slow = b"SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1"
    login = urllib3.make_headers(basic_auth=f"writer:{endpoint.passwords['writer']}")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        urllib3.request("POST", endpoint.url, body=slow, headers=login, timeout=0.5, retries=False)
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'"
    deadline = dt.datetime.now() + dt.timedelta(seconds=10)
    while client.command(running) != 1 and dt.datetime.now() < deadline:
        pass
    assert client.command(running) == 1  # this question itself


def test_nothing_of_an_insert_stays_when_its_client_dies_half_way(
    endpoint: Endpoint, client: Client
) -> None:
    login = urllib3.make_headers(basic_auth=f"writer:{endpoint.passwords['writer']}")
    head = f"POST /?database={DATABASE} HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: {login['authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"INSERT INTO t (a, b) FORMAT CSV\n" + b"1,abcdefgh\n" * 200_000
    with socket.create_connection(("127.0.0.1", endpoint.port)) as half:
        half.sendall(head.encode() + b"%x\r\n" % len(piece) + piece + b"\r\n")
        spool = endpoint.path / "spool"
        deadline = dt.datetime.now() + dt.timedelta(seconds=10)
        while not any(spool.iterdir()) and dt.datetime.now() < deadline:
            pass
        assert any(spool.iterdir())
    while any(spool.iterdir()) and dt.datetime.now() < deadline:
        pass
    assert not any(spool.iterdir())
    assert client.command("SELECT count() FROM t") == 0


def test_a_large_insert_is_streamed(endpoint: Endpoint, client: Client) -> None:
    def body() -> Iterator[bytes]:
        yield b"INSERT INTO t (a, b) FORMAT CSV\n"
        for _ in range(64):
            yield b"1,abcdefgh\n" * 20_000

    login = urllib3.make_headers(basic_auth=f"writer:{endpoint.passwords['writer']}")
    url = f"{endpoint.url}?database={DATABASE}"
    answer = urllib3.PoolManager().request("POST", url, body=body(), headers=login)
    assert answer.status == 200
    assert client.command("SELECT count() FROM t") == 64 * 20_000
