"""One stage in one process: `python -m streams.stage_process join 1`.

The number, 1 when not given, tells the processes of one stage and machine apart.

Settings come from the environment and the settings file. Ends with code 0 when told to stop, with 1
when anything fails, and 2 when the settings must be mended first.
"""

import asyncio
import gc
import logging
import sys
import time
from functools import partial
from importlib import import_module

from processors.topology import TOPOLOGY, owned_inputs
from schemas.errors import RecalibraError, SettingsError, UnavailableError, UserError
from schemas.topics import TOPICS
from streams.addresses import kafka_resolved, resolved
from streams.clickhouse_access import make_sink
from streams.grouped_writes import GATHER_S, GroupedWrites
from streams.kafka_access import ensure_topics
from streams.kafka_rights import check_stage_rights
from streams.logs import set_up_logs, tell_user
from streams.notify import STAGE as NOTIFY
from streams.notify.process import run as run_notify
from streams.process_end import EXIT_FAILED, EXIT_USER, end
from streams.schema_ids import make_codec
from streams.settings import Settings, load_settings
from streams.shared_heaps import give_back_free_memory, share_heaps
from streams.sink_stage import SinkProcessor
from streams.stage_app import StageApp
from streams.worker_name import WorkerName

log = logging.getLogger(__name__)

GARBAGE_OBJECTS_MIN = 100_000


def make_stage(name: str, settings: Settings, number: int = 1) -> StageApp:
    """Return the stage of a name; raises SettingsError for an unknown one."""
    settings = _paced(settings, name)
    codec = make_codec(settings.registry)
    options = settings.options()
    if name == "sink":
        read_elsewhere = {short for stage in TOPOLOGY for short in stage.inputs}
        owned = tuple(short for short in TOPICS if short not in read_elsewhere)

        # The driver imports it with the first insert; now and not while the first rows wait.
        import_module("pandas")
        grouped = GroupedWrites(make_sink(settings.clickhouse), GATHER_S)

        def make_processor(_lane: int) -> SinkProcessor:
            return SinkProcessor(make_sink(settings.clickhouse), codec, grouped)

        inputs = tuple(TOPICS)
        return StageApp(name, inputs, owned, make_processor, codec, settings, number=number)
    for stage in TOPOLOGY:
        if stage.name == name:
            # Made once for nothing: what is slow to import is imported before events wait for it.
            stage.make_processor(codec, options, 0)
            return StageApp(
                name,
                stage.inputs,
                owned_inputs(stage),
                partial(stage.make_processor, codec, options),
                codec,
                settings,
                ticking="ticks" in stage.outputs,
                number=number,
            )
    raise SettingsError(f"there is no stage {name!r}")


def _paced(settings: Settings, name: str) -> Settings:
    """Return the settings with the interval of a stage; what another stage reads comes sooner."""
    outputs = {short for stage in TOPOLOGY if stage.name == name for short in stage.outputs}
    if any(outputs & set(stage.inputs) for stage in TOPOLOGY if stage.name != name):
        return settings
    streams = settings.streams
    interval_s = streams.row_interval_s if name == "sink" else streams.summary_interval_s
    paced = {"checkpoint_interval_s": interval_s}
    return settings.model_copy(update={"streams": streams.model_copy(update=paced)})


def _await_topics(settings: Settings, stage: str) -> None:
    """Make sure of the topics and our rights; while the broker is away wait for it."""
    while True:
        try:
            ensure_topics(settings.kafka)
            check_stage_rights(settings.kafka, [stage], transactions=False)
            return
        except UnavailableError as error:
            log.warning("waits: %s", error)
            time.sleep(error.retry_after_s)


def _collect_seldom() -> None:
    """Look for cycles seldom: events hold none, and with Python's defaults it costs a quarter."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS_MIN, 20, 50)


def main() -> int:
    """Run the stage that the first argument names until told to stop; return its exit code."""
    stage: StageApp | None = None
    share_heaps()
    give_back_free_memory()
    try:
        settings = load_settings()
        number = int(sys.argv[2]) if len(sys.argv) > 2 else 1
        worker = WorkerName.of_this_process(sys.argv[1], number)
        set_up_logs(settings.logging, worker)
        # Only the sink needs ClickHouse.
        settings = resolved(settings) if worker.stage == "sink" else kafka_resolved(settings)
        _await_topics(settings, worker.stage)
        if worker.stage == NOTIFY:
            run_notify(settings, worker)
            return 0
        stage = make_stage(worker.stage, settings, worker.number)
        stage.watch.tell()
        _collect_seldom()
        faust_worker = stage.app.Worker(
            loglevel="ERROR", override_logging=False, redirect_stdouts=False, quiet=True
        )
        # It writes control characters, even where there is no terminal.
        faust_worker.spinner = None
        faust_worker.execute_from_commandline()
    except SystemExit as ended:  # as Faust's worker does in every case
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    except asyncio.CancelledError:
        # Faust cancels its fetcher when it is told to stop in the middle of a rebalance. What no
        # checkpoint holds is read again by the next owner.
        log.warning("stopped in the middle of a rebalance")
    except UserError as error:
        tell_user(error)
        return EXIT_USER
    except RecalibraError as error:
        log.error("%s", error)
        return EXIT_FAILED
    finally:
        if stage is not None:
            stage.watch.close()
    return 0


if __name__ == "__main__":
    end(main())
