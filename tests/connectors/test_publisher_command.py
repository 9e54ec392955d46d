"""`recalibra connect csv` remembers from one call to the next where each event is."""

import sys
from pathlib import Path

import pytest
from kafka_lab import PARTITIONS, Lab

from schemas.events import Outcome
from streams.cli import main


def test_a_file_sent_later_moves_what_an_earlier_one_said(
    bare_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RECALIBRA_STATE_DIR": str(tmp_path / "state"),
        "RECALIBRA_KAFKA_BOOTSTRAP_SERVERS": bare_lab.bootstrap_servers,
        "RECALIBRA_KAFKA_TOPIC_PREFIX": bare_lab.prefix,
        "RECALIBRA_KAFKA_PARTITIONS": str(PARTITIONS),
        "RECALIBRA_CLICKHOUSE_HOST": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "O.csv"
    monkeypatch.setattr(sys, "argv", ["recalibra", "connect", "csv", "--outcomes", str(path)])
    header = "event_id,revision,molecule_id,assay_id,value\n"
    for row in ("o,0,M1,hERG,5", "o,1,M2,hERG,5"):
        path.write_text(f"{header}{row}\n")
        main()
    events = [bare_lab.codec.decode(m.value(), Outcome) for m in bare_lab.messages("outcomes")]
    assert sorted((e.molecule_id, e.revision, e.retracted) for e in events) == [
        ("M1", 0, False),
        ("M1", 1, True),
        ("M2", 1, False),
    ]
