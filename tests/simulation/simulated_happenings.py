"""What happens in a world by itself: work, input, the cluster's chores, and trouble."""

from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING

from simulated_input import PREFIX, next_message
from simulated_log import DELETE_RETENTION

from streams.lane_log import LaneAddress

if TYPE_CHECKING:
    from simulated_world import SimulatedWorld

TURNS_MAX = 8
# Rebalances that have no reason, and pauses after which some process is gone.
IDLE_REBALANCES_PART, GONE_AFTER_PAUSE_PART = 0.2, 0.5
# 280 days at most, so that the join drops nothing of its state.
PAUSES_MAX = 20


class Happenings:
    """One thing at a time, drawn by the world's odds."""

    def __init__(self, world: "SimulatedWorld") -> None:
        self._world, self._random, self._log = world, world.random, world.log
        self._pauses = 0
        trouble = world.odds.trouble
        table: list[tuple[float, Callable[[], object]]] = [
            (30.0, self._work),
            (5.0, self._send),
            (3.0, self.mark),
            (4.0 + trouble, self._rebalance),
            (4.0, self.restart),
            (trouble, self._notice),
            (trouble, self._compact),
            (trouble * 0.5, self.time_out),
            (world.odds.pause, self._pause),
            (trouble, self._kill),
            (trouble * 0.3, self._reset_group_offsets),
            (trouble * 0.2, self._cut_power),
        ]
        self._actions = [action for _, action in table]
        self._weights = list(accumulate(weight for weight, _ in table))

    def act(self) -> None:
        """Let one thing happen."""
        self._log.clock += 1
        (action,) = self._random.choices(self._actions, cum_weights=self._weights)
        action()

    def _work(self) -> None:
        alive = self._world.alive()
        if alive:
            turns = self._random.randint(1, TURNS_MAX)
            self._world.give_turns(self._random.choice(alive), turns)

    def _send(self) -> None:
        world = self._world
        if world.sent < world.events:
            topic, partition, key, value = next_message(self._random, world.sent, world.partitions)
            offset = self._log.append((topic, partition), key, value)
            world.note("producer", f"{topic}[{partition}] {offset}: {value!r}")
            world.sent += 1

    def mark(self) -> bool:
        """Let one marker reach its partition; return whether one was due."""
        due = self._log.markers_due()
        if due:
            transaction, name = self._random.choice(due)
            self._world.note("cluster", f"marker to {name}")
            self._log.mark(transaction, name)
        return bool(due)

    def _rebalance(self) -> None:
        name = self._random.choice(self._world.specs).name
        group = self._world.groups[name]
        if group.needs_rebalance or self._random.random() < IDLE_REBALANCES_PART:
            self._world.note("group", f"rebalance {name}")
            group.rebalance(self._world.odds.zombie)

    def restart(self) -> bool:
        """Start one dead process again; return whether there was one."""
        for process in self._world.processes:
            if not process.alive:
                self._world.processes.remove(process)
                self._world.start(process.spec, process.worker)
                return True
        return False

    def _notice(self) -> None:
        for group in self._world.groups.values():
            group.notice()

    def _compact(self) -> None:
        name = self._random.choice(self._world.specs).name
        self._clean(name, self._random.randrange(self._world.partitions))

    def _compact_all(self) -> None:
        for spec in self._world.specs:
            for partition in range(self._world.partitions):
                self._clean(spec.name, partition)

    def _clean(self, stage: str, partition: int) -> None:
        """Compact a changelog, but for the end that is still being written."""
        address = LaneAddress(PREFIX, stage, partition, self._world.partitions)
        name = (address.changelog, partition)
        self._world.note("cluster", f"compact {name}")
        self._log.compact(name, self._log.end(name) - self._random.randint(0, 2))

    def time_out(self) -> None:
        """End every open transaction as the coordinator does: its producer is fenced."""
        for transactional_id in self._log.open_transactions():
            self._world.note("cluster", f"{transactional_id}'s transaction times out")
            for process in self._world.processes:
                if transactional_id.startswith(f"{PREFIX}-{process.spec.name}"):
                    # Fenced though nobody took its lane.
                    process.overtaken = True
            self._log.fence(transactional_id)

    def _pause(self) -> None:
        """Days go by, in which the cleaner runs."""
        if self._pauses < PAUSES_MAX:
            self._pauses += 1
            self._world.note("clock", "a long pause")
            self._compact_all()
            self._log.clock += self._random.choice((DELETE_RETENTION // 3, 2 * DELETE_RETENTION))
            self._compact_all()
            if self._random.random() < GONE_AFTER_PAUSE_PART:
                self._kill()

    def _kill(self) -> None:
        alive = self._world.alive()
        if alive:
            process = self._random.choice(alive)
            self._world.note(process.name, "KILLED between calls")
            process.alive = False

    def _reset_group_offsets(self) -> None:
        """Group offsets are only a copy: they expire, and an operator may set them anywhere."""
        self._world.note("operator", "resets the offsets of groups")
        offsets = self._log.group_offsets
        for group, topic, partition in list(offsets):
            if self._random.random() < 0.5:
                end = self._log.end((topic, partition))
                offsets[group, topic, partition] = self._random.randint(0, end)

    def _cut_power(self) -> None:
        world = self._world
        folder = world.machine(self._random.randrange(world.workers))
        world.note("power", f"cut at {folder.name}")
        for process in world.processes:
            if process.folder == folder:
                process.alive = False
        world.disks.cut_power(f"{folder}/", self._random.randint(1, 3))
