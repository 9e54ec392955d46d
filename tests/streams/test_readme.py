"""What the README says, run."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pipeline_lab import CODEC

from schemas.events import Event
from schemas.topics import TOPICS
from sinks.tables import TABLES
from streams.addresses import with_stack
from streams.clickhouse_access import asking, make_sink
from streams.commands import demo
from streams.demo.story import Story, tell
from streams.local.stack import LocalStack
from streams.replay import Replay
from streams.settings import REPOSITORY, Settings
from streams.settings.services import ClickHouseSettings

README = (REPOSITORY / "README.md").read_text()
STORY = tell()


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """A ClickHouse that holds the demo's story, as an analyst reaches it."""
    events: list[Event] = [*STORY.predictions, *STORY.outcomes]
    events += list(Replay(CODEC).run([*STORY.predictions, *STORY.outcomes]))
    with LocalStack(tmp_path_factory.mktemp("readme"), kafka=False) as stack:
        sink = make_sink(with_stack(Settings(), stack.addresses).clickhouse)
        sink.ensure_tables()
        for short in TABLES:
            sink.write(short, [e for e in events if isinstance(e, TOPICS[short])], short)
        sink.close()
        yield with_stack(Settings(), stack.addresses, "analyst").clickhouse


def cookbook() -> list[str]:
    found = re.findall(r"```sql\n(.*?)```", README, re.S)
    assert len(found) == 3
    return found


def ask(analyst: ClickHouseSettings, sql: str) -> pd.DataFrame:
    with asking(analyst) as client:
        return client.query_df(sql)


def frame(story: Story) -> pd.DataFrame:
    """The story's pairs, computed without the product."""
    predictions = pd.DataFrame(story.predictions)[["molecule_id", "value"]]
    outcomes = pd.DataFrame(story.outcomes)[["molecule_id", "value", "context", "measured_at"]]
    pairs = outcomes.merge(predictions, on="molecule_id", suffixes=("_measured", "_predicted"))
    pairs["error"] = pairs.value_predicted - pairs.value_measured
    pairs["lot"] = [context.reagent_batch for context in pairs.context]
    return pairs.sort_values("measured_at")


def test_where_does_which_model_stand(analyst: ClickHouseSettings) -> None:
    answer = ask(analyst, cookbook()[0]).set_index("metric")
    last = frame(STORY).error.tail(200)
    assert answer.loc["me", "value"] == pytest.approx(last.mean(), abs=1e-9)
    assert answer.loc["rmse", "value"] == pytest.approx(np.sqrt((last**2).mean()), abs=1e-9)
    assert (answer.n == 200).all() and len(answer) == 2


def test_which_lot_is_off(analyst: ClickHouseSettings) -> None:
    answer = ask(analyst, cookbook()[1]).set_index("reagent_batch")
    expected = frame(STORY).groupby("lot").error.agg(["count", "mean", "std"])
    assert answer.index[0] == "LOT-C"
    joined = answer.join(expected)
    assert (joined["count"] == joined.results).all()
    assert np.allclose(joined["mean"], joined.mean_error, atol=1e-9)
    assert np.allclose(joined["std"], joined.sd, atol=1e-9)


def test_what_is_open_and_what_was_around_it(analyst: ClickHouseSettings) -> None:
    answer = ask(analyst, cookbook()[2])
    assert answer.reason.str.contains("LOT-C").all()
    # Eight results a day: 48 hours to each side are four days with a part of a fifth.
    assert 30 <= len(answer) <= 40


def test_the_demos_own_query_runs(analyst: ClickHouseSettings) -> None:
    assert set(ask(analyst, demo.QUERY).metric) == {"me", "rmse"}


def test_every_command_and_file_the_readme_names_is_there() -> None:
    for command in re.findall(
        r"recalibra ([a-z][\w-]*)", re.sub(r"```sql.*?```", "", README, flags=re.S)
    ):
        path = REPOSITORY / "streams" / "commands" / f"{command.replace('-', '_')}.py"
        assert path.is_file() or command in {"is", "tells"}, command
    for path in re.findall(r"`([\w/]+(?:/|\.\w+))`", README):
        if "/" in path and not path.startswith("make"):
            assert (REPOSITORY / path).exists(), path
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.M), target
    assert Path(REPOSITORY / "CHANGELOG.md").is_file()
