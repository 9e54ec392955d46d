"""Plain Faust as its user guide writes a join: two RocksDB tables and one agent."""

from typing import Any

from benchmarks.engine import Module, Place, decoder, meets, read_json_pair, run_here

JOIN = Module(
    "faust",
    "faust-streaming",
    read_json_pair,
    note="at least once; does not tell a pair's standing",
)


def main(place: Place) -> None:
    """Run the worker until told to stop."""
    import mode.loop

    mode.loop.use("uvloop")
    import faust

    app = faust.App(
        place.group,
        broker=f"kafka://{place.bootstrap_servers}",
        store="rocksdb://",
        datadir=place.folder,
        topic_partitions=place.partitions,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        # One record a request is the default; batches are what the settings' reference advises.
        producer_linger=0.02,
        producer_max_batch_size=262_144,
    )
    # Given to the constructor it is ignored, and the server listens on every interface.
    app.conf.web_enabled = False
    predictions = app.Table("predictions", key_type=bytes, default=dict)
    outcomes = app.Table("outcomes", key_type=bytes, default=dict)
    source = app.topic(*place.inputs, key_serializer="raw", value_serializer="raw")
    pairs = app.topic(place.output_topic, key_serializer="raw", value_serializer="json")
    prediction_topic = place.inputs[0]
    decode_prediction, decode_outcome = decoder("Prediction"), decoder("Outcome")

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            if event.message.topic == prediction_topic:
                record, mine, others = decode_prediction(event.value), predictions, outcomes
            else:
                record, mine, others = decode_outcome(event.value), outcomes, predictions
            known = mine[event.key]
            old = known.get(record["event_id"])
            if old is not None and old["revision"] >= record["revision"]:
                continue
            known[record["event_id"]] = record
            mine[event.key] = known
            for other in others[event.key].values():
                pair = (record, other) if mine is predictions else (other, record)
                if meets(pair[0]["context"], pair[1]["context"]):
                    await pairs.send(
                        key=event.key, value={"prediction": pair[0], "outcome": pair[1]}
                    )

    app.agent(source)(agent)
    app.Worker(loglevel="WARN", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    run_here(main)
