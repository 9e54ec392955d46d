"""CSV files through the publisher onto a real broker."""

from pathlib import Path

import pytest
from kafka_lab import Lab, sources

from connectors.csv_send import FileReport, SendReport, send_csv
from schemas.errors import SettingsError
from schemas.events import DeadLetter, Outcome, Prediction

HEADER = "molecule_id,assay_id,model_id,value\n"


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def test_rows_go_to_their_topics_and_bad_ones_to_the_dead_letters(lab: Lab, tmp_path: Path) -> None:
    wide = [f"feature:f{i}" for i in range(61)]
    predictions = write(
        tmp_path / "P.csv",
        HEADER.replace("\n", "," + ",".join(wide) + "\n"),
        [f"M{i},hERG,m,{i}" + "," * 61 for i in range(1_500)]
        + ["M,hERG,m,oops" + "," * 61, "M,hERG,m,1" + ("," + "x" * 1_000) * 61],
    )
    outcomes = write(
        tmp_path / "O.csv", "molecule_id,assay_id,value\n", ["M1,hERG,>10", "M2,hERG", "M3,hERG,5"]
    )
    told: list[tuple[str, int, str | None, str]] = []
    progress: list[tuple[int, int]] = []
    with lab.publisher() as publisher:
        report = send_csv(
            predictions,
            outcomes,
            publisher,
            lambda *step: progress.append(step),
            lambda *bad: told.append(bad),
        )
    assert report == SendReport(FileReport("P.csv", 1_502, 1_500, 2), FileReport("O.csv", 3, 2, 1))
    assert [bad[:3] for bad in told] == [
        ("P.csv", 1_502, "value"),
        ("P.csv", 1_503, None),
        ("O.csv", 3, None),
    ]
    assert "60000" in told[1][3]
    total = predictions.stat().st_size + outcomes.stat().st_size
    assert progress == sorted(progress)
    assert {step[1] for step in progress} == {total}
    assert progress[-1] == (total, total)

    sent = [lab.codec.decode(m.value(), Prediction) for m in lab.messages("predictions")]
    assert sorted(e.value for e in sent if e.value is not None) == list(range(1_500))
    (censored,) = [
        e for m in lab.messages("outcomes") if (e := lab.codec.decode(m.value(), Outcome)).qualifier
    ]
    assert (censored.qualifier, censored.value) == (">", 10.0)
    letters = [lab.codec.decode(m.value(), DeadLetter) for m in lab.messages("dead-letters")]
    assert {(x.origin, x.position) for x in letters} == {(b[0], b[1]) for b in told}
    assert sorted(s for m in lab.messages("dead-letters") for s in sources(m)) == [
        b"csv:O.csv",
        b"csv:P.csv",
        b"csv:P.csv",
    ]


def test_sending_twice_repeats_the_same_events(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "P.csv", HEADER, ["M1,A,m,1", "M1,A,m,2", "M2,A,m,3", "M2,A,m,x"])
    for _ in range(2):
        with lab.publisher() as publisher:
            report = send_csv(path, None, publisher)
    assert report.outcomes is None
    for short_name, kind, count in (
        ("predictions", Prediction, 3),
        ("dead-letters", DeadLetter, 1),
    ):
        values = [(m.key(), m.value()) for m in lab.messages(short_name)]
        assert len(values) == 2 * count
        assert len(set(values)) == count
        assert all(lab.codec.decode(value, kind) for _, value in values)


def test_nothing_is_sent_when_one_header_is_refused(lab: Lab, tmp_path: Path) -> None:
    good = write(tmp_path / "P.csv", HEADER, ["M1,A,m,1"])
    bad = write(tmp_path / "O.csv", "molecule_id\n", ["M1"])
    with lab.publisher() as publisher:
        for refused in (bad, tmp_path / "none.csv"):
            with pytest.raises(SettingsError, match=refused.name):
                send_csv(good, refused, publisher)
    assert lab.messages("predictions") == []
