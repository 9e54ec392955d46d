"""What each role may do, asked of the running endpoint."""

import json
from pathlib import Path

import pytest
import urllib3
from clickhouse_connect.driver.exceptions import DatabaseError
from embedded_endpoint import DATABASE, Endpoint

from schemas.errors import SettingsError
from sinks.embedded.access import read_users


@pytest.fixture(scope="module", autouse=True)
def table(endpoint: Endpoint) -> None:
    client = endpoint.client()
    client.command("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t VALUES (1), (2)")
    client.command("CREATE VIEW seen AS SELECT sum(a) AS total FROM t")
    client.close()


def test_an_analyst_reads_tables_and_views(endpoint: Endpoint) -> None:
    client = endpoint.client("analyst")
    assert client.command("SELECT total FROM seen") == 3
    assert client.query_df("SELECT a FROM t ORDER BY a")["a"].tolist() == [1, 2]
    assert client.query("SHOW TABLES").result_rows == [("seen",), ("t",)]
    client.close()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (3)",
        "INSERT INTO t SELECT 3",
        "INSERT INTO FUNCTION file('stolen.csv') SELECT 1",
        "ALTER TABLE t DELETE WHERE 1",
        "DELETE FROM t WHERE 1",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "OPTIMIZE TABLE t",
        "CREATE TABLE u (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE u (a UInt8)",
        "CREATE FUNCTION f AS x -> x",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "SET ROLE writer",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT 1; DROP TABLE t",
        "SELECT 1; SELECT 2",
        "SELECT 1 INTO OUTFILE 'stolen.csv'",
        "EXPLAIN AST SELECT 1 INTO OUTFILE 'stolen.csv'",
        "SELECT file('/etc/hostname')",
        "SELECT `file`('/etc/hostname')",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM `/etc/hostname`",
        "SELECT * FROM filesystem('/etc')",
        "SELECT * FROM loop(file('/etc/hostname', 'LineAsString'))",
        "SELECT * FROM merge(REGEXP('.*'), 'users')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM Python(users)",
        "SELECT * FROM `Pyth\\x6fn`(users)",
        "SELECT * FROM eval('SELECT 1')",
        "SYSTEM SHUTDOWN",
        "BACKUP DATABASE lab TO File('stolen')",
        "ATTACH TABLE u",
        "GRANT writer TO default",
        "EXECUTE AS default SELECT 1",
    ],
)
def test_an_analyst_can_do_nothing_else(endpoint: Endpoint, sql: str) -> None:
    login = urllib3.make_headers(basic_auth=f"analyst:{endpoint.passwords['analyst']}")
    url = f"{endpoint.url}?database={DATABASE}"
    answer = urllib3.request("POST", url, body=sql.encode(), headers=login)
    assert answer.status >= 400, answer.data
    assert "X-ClickHouse-Exception-Code" in answer.headers
    assert not list(endpoint.path.rglob("stolen*"))
    client = endpoint.client()
    assert client.query("SELECT count(), sum(a) FROM t").result_rows == [(2, 3)]
    client.close()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE k (a UInt8) ENGINE = Kafka('127.0.0.1:1', 'x', 'y', 'CSV')",
        "CREATE TABLE k (a UInt8) ENGINE = File(CSV)",
        "CREATE TABLE k (a UInt8) ENGINE = URL('http://127.0.0.1:1', CSV)",
        "CREATE TABLE k ENGINE = Python(users)",
        "CREATE DATABASE other",
        "INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV",
        "INSERT INTO t VALUES ((SELECT file('/etc/hostname')))",
        "INSERT INTO t VALUES ((SELECT count() FROM Python(users)))",
        "SELECT file('/etc/hostname')",
        "SELECT 1 INTO OUTFILE 'stolen.csv'",
        "SYSTEM SHUTDOWN",
    ],
)
def test_a_writer_reaches_neither_files_nor_hosts(endpoint: Endpoint, sql: str) -> None:
    client = endpoint.client()
    with pytest.raises(DatabaseError):
        client.command(sql)
    assert client.query("SELECT count(), sum(a) FROM t").result_rows == [(2, 3)]
    client.close()


def test_an_analyst_meets_the_limits(endpoint: Endpoint) -> None:
    client = endpoint.client("analyst", autogenerate_session_id=True)
    with pytest.raises(DatabaseError) as error:
        client.query("SELECT number FROM numbers(1000001)")
    assert error.value.code == 396
    assert client.query("SELECT 7").result_rows == [(7,)]
    client.close()


@pytest.mark.parametrize(
    ("name", "password"), [("writer", "guess"), ("writer", ""), ("nobody", ""), ("default", "")]
)
def test_a_wrong_name_or_password_is_refused(endpoint: Endpoint, name: str, password: str) -> None:
    login = urllib3.make_headers(basic_auth=f"{name}:{password}")
    answer = urllib3.request("POST", endpoint.url, body=b"SELECT 1", headers=login)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


def test_no_login_and_a_foreign_host_name_are_refused(endpoint: Endpoint) -> None:
    assert urllib3.request("POST", endpoint.url, body=b"SELECT 1").status == 403
    login = urllib3.make_headers(basic_auth=f"writer:{endpoint.passwords['writer']}")
    headers = {**login, "Host": "rebound.example"}
    answer = urllib3.request("POST", endpoint.url, body=b"SELECT 1", headers=headers)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"ann": {"role": "writer"}}', "has no password"),
        ('{"ann": {"password": "", "role": "writer"}}', "has no password"),
        ('{"ann": {"password": 1, "role": "writer"}}', "has no password"),
        ('{"ann": {"password": "x", "role": "root"}}', "must be writer or analyst"),
        ("{}", "names no user"),
        ("not json", "is not JSON"),
    ],
)
def test_a_users_file_that_will_not_do_says_why(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "users.json"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        read_users(path)


def test_a_users_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"ann": {"password": "x", "role": "writer"}}))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_users(path)
    path.chmod(0o600)
    assert read_users(path)["ann"].role == "writer"
