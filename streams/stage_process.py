"""One stage in one process: `python -m streams.stage_process join`.

Settings come from the environment and the settings file. Ends with code 0 when told to stop, with 1
when anything fails, and 2 when the settings must be mended first.
"""

import asyncio
import logging
import sys
import time
from functools import partial

from processors.topology import TOPOLOGY, owned_inputs
from schemas.errors import RecalibraError, SettingsError, UnavailableError, UserError
from schemas.topics import TOPICS
from streams.addresses import kafka_resolved, resolved
from streams.clickhouse_access import make_sink
from streams.kafka_access import ensure_topics
from streams.schema_ids import make_codec
from streams.settings import Settings, load_settings
from streams.sink_stage import SinkProcessor
from streams.stage_app import EXIT_FAILED, EXIT_USER, StageApp


def make_stage(name: str, settings: Settings) -> StageApp:
    """Return the stage of a name; raises SettingsError for an unknown one."""
    codec = make_codec(settings.registry)
    options = settings.core.options()
    if name == "sink":
        read_elsewhere = {short for stage in TOPOLOGY for short in stage.inputs}
        owned = tuple(short for short in TOPICS if short not in read_elsewhere)

        def make_processor(_lane: int) -> SinkProcessor:
            return SinkProcessor(make_sink(settings.clickhouse), codec)

        return StageApp("sink", tuple(TOPICS), owned, make_processor, codec, settings)
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
            )
    raise SettingsError(f"there is no stage {name!r}")


def _await_topics(settings: Settings) -> None:
    """Make sure of the topics; while the broker is away wait for it."""
    while True:
        try:
            ensure_topics(settings.kafka)
            return
        except UnavailableError as error:
            logging.getLogger(__name__).warning("waits: %s", error)
            time.sleep(error.retry_after_s)


def main() -> int:
    """Run the stage that the first argument names until told to stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("faust", "mode", "aiokafka", "kafka"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        settings = load_settings()
        # Only the sink needs ClickHouse.
        settings = resolved(settings) if sys.argv[1] == "sink" else kafka_resolved(settings)
        _await_topics(settings)
        stage = make_stage(sys.argv[1], settings)
        worker = stage.app.Worker(
            loglevel="ERROR", override_logging=False, redirect_stdouts=False, quiet=True
        )
        worker.execute_from_commandline()
    except asyncio.CancelledError:
        # Faust cancels its fetcher when it is told to stop in the middle of a rebalance. What no
        # checkpoint holds is read again by the next owner.
        logging.getLogger(__name__).warning("stopped in the middle of a rebalance")
    except UserError as error:
        print(f"recalibra: {error}", file=sys.stderr)
        return EXIT_USER
    except RecalibraError as error:
        logging.getLogger(__name__).error("%s", error)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
