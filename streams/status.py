"""How the whole of it stands: two looks at the broker, and what workers of this machine add."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from streams.broker_look import BrokerLook, LaneLook, StageLook
from streams.worker_reports import LaneReport, WorkerReport


class LaneStatus(NamedTuple):
    """A lane; `state` is one of up to date, works, stands still, waits, restoring and no owner.

    `oldest_unread_s` is the age of the oldest unread record, None without one. Rates are per
    second between two looks, None when they cannot be told. `restore` is the part restored, 0 to
    1, None unless it is. Times are in seconds since 1970, None when there is none or it is not
    known.
    """

    partition: int
    owner: str | None
    address: str | None
    state: str
    behind: dict[str, int]
    oldest_unread_s: float | None
    records_per_s: float | None
    transactions_per_s: float | None
    open_predictions: int | None
    oldest_open_prediction_at_s: float | None
    last_checkpoint_at_s: float | None
    restore: float | None

    @property
    def behind_records(self) -> int:
        """The lag over all inputs."""
        return sum(self.behind.values())


class StageStatus(NamedTuple):
    """A stage; `state` is stable, rebalancing or empty, `workers` are those of its group."""

    stage: str
    state: str
    workers: list[str]
    lanes: list[LaneStatus]


class Status(NamedTuple):
    """All of it at `at_s`, in seconds since 1970; `here` are the workers of this machine.

    Of dead letters `all_counted` says whether there are more.
    """

    at_s: float
    kafka: str
    topic_prefix: str
    stages: list[StageStatus]
    dead_letters: int
    all_counted: bool
    here: list[WorkerReport]

    @property
    def idle_stages(self) -> list[str]:
        """The stages that no worker runs."""
        return [stage.stage for stage in self.stages if not stage.workers]


def stage_statuses(
    before: BrokerLook, now: BrokerLook, reports: Sequence[WorkerReport], now_s: float
) -> list[StageStatus]:
    """Return the stages at the second of two looks, `now_s` in seconds since 1970."""
    told = {
        (r.place.worker, partition): lane for r in reports for partition, lane in r.lanes.items()
    }
    apart_s = now.at_s - before.at_s

    def of_lane(stage: StageLook, old: LaneLook, new: LaneLook) -> LaneStatus:
        report = told.get((new.owner or "", new.partition))
        return _lane(stage, old, new, report, apart_s, now_s)

    found: list[StageStatus] = []
    for earlier, stage in zip(before.stages, now.stages, strict=True):
        pairs = zip(earlier.lanes, stage.lanes, strict=True)
        lanes = [of_lane(stage, old, new) for old, new in pairs]
        found.append(StageStatus(stage.stage, stage.state, stage.workers, lanes))
    return found


def _lane(
    stage: StageLook,
    before: LaneLook,
    lane: LaneLook,
    report: LaneReport | None,
    apart_s: float,
    now_s: float,
) -> LaneStatus:
    records_per_s = None
    if apart_s > 0:
        moved = sum(lane.committed.values()) - sum(before.committed.values())
        records_per_s = max(0, moved) / apart_s
    note = lane.note
    oldest_ms = lane.oldest_unread_ms
    # The worker may have found it since its last checkpoint.
    oldest_open_s = None if report is None else report.oldest_open_at_s
    if oldest_open_s is None and note is not None and note.oldest_open_ms is not None:
        oldest_open_s = note.oldest_open_ms / 1e3
    return LaneStatus(
        lane.partition,
        lane.owner,
        lane.address,
        _state(stage, lane, report, records_per_s),
        lane.behind,
        None if oldest_ms is None else max(0.0, now_s - oldest_ms / 1e3),
        records_per_s,
        _transactions_per_s(before, lane, apart_s),
        None if note is None else note.open_predictions,
        oldest_open_s,
        None if note is None else note.at_ms / 1e3,
        report.restore_done / report.restore_wanted if report and report.restoring else None,
    )


def _transactions_per_s(before: LaneLook, lane: LaneLook, apart_s: float) -> float | None:
    """The count of a lane's note begins again with each owner."""
    if lane.note is None or before.note is None or apart_s <= 0:
        return None
    if lane.note.worker != before.note.worker:
        return None
    return max(0, lane.note.transactions - before.note.transactions) / apart_s


def _state(
    stage: StageLook, lane: LaneLook, report: LaneReport | None, records_per_s: float | None
) -> str:
    if stage.state == "rebalancing":
        return "rebalancing"
    if lane.owner is None:
        return "no owner"
    if report is not None and not report.is_open:
        return "restoring"
    if report is not None and report.waits:
        return "waits"
    if not any(lane.behind.values()):
        return "up to date"
    return "works" if records_per_s else "stands still"


def as_json(status: Status) -> dict[str, Any]:
    """Return the status as one object for other programs; times are ISO 8601 in UTC."""
    return {
        "at": _iso(status.at_s),
        "kafka": status.kafka,
        "topic_prefix": status.topic_prefix,
        "running": len(status.idle_stages) < len(status.stages),
        "stages": [_stage_json(stage) for stage in status.stages],
        "dead_letters": status.dead_letters,
        "dead_letters_all_counted": status.all_counted,
        "workers_here": [
            {
                "worker": report.place.worker,
                "pid": report.place.pid,
                "metrics": f"http://{report.place.host}:{report.place.port}/metrics",
                "memory_bytes": report.memory_bytes,
            }
            for report in status.here
        ],
    }


def _stage_json(stage: StageStatus) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "state": stage.state,
        "workers": stage.workers,
        **totals(stage),
        "lanes": [
            {
                "partition": lane.partition,
                "owner": lane.owner,
                "address": lane.address,
                "state": lane.state,
                "behind_records": lane.behind_records,
                "behind": lane.behind,
                "oldest_unread_s": lane.oldest_unread_s,
                "records_per_s": lane.records_per_s,
                "transactions_per_s": lane.transactions_per_s,
                "open_predictions": lane.open_predictions,
                "oldest_open_prediction_at": _iso(lane.oldest_open_prediction_at_s),
                "last_checkpoint_at": _iso(lane.last_checkpoint_at_s),
                "restore": lane.restore,
            }
            for lane in stage.lanes
        ],
    }


def totals(stage: StageStatus) -> dict[str, Any]:
    """Return what the lanes of a stage are together; None where no lane knows."""
    lanes = stage.lanes
    oldest_open_s = _least(lane.oldest_open_prediction_at_s for lane in lanes)
    return {
        "behind_records": sum(lane.behind_records for lane in lanes),
        "oldest_unread_s": max(
            (lane.oldest_unread_s for lane in lanes if lane.oldest_unread_s is not None),
            default=None,
        ),
        "records_per_s": _sum(lane.records_per_s for lane in lanes),
        "transactions_per_s": _sum(lane.transactions_per_s for lane in lanes),
        "open_predictions": _sum(lane.open_predictions for lane in lanes),
        "oldest_open_prediction_at": _iso(oldest_open_s),
        "last_checkpoint_at": _iso(
            max((s for lane in lanes if (s := lane.last_checkpoint_at_s) is not None), default=None)
        ),
    }


def _sum(values: Any) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _least(values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _iso(at_s: float | None) -> str | None:
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
