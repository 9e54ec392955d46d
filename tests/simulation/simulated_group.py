"""A consumer group: members, generations and eager rebalances.

A rebalance asks every member to hand over and waits for the answers; a member that is stuck or not
heard is thrown out without knowing it and goes on as a zombie. Only then are partitions assigned.
"""

from collections.abc import Callable
from random import Random

from simulated_stage import SimulatedStage

# Runs a call inside a process, which may die of it.
Run = Callable[[SimulatedStage, Callable[[], object]], None]


class SimulatedGroup:
    """One stage's group, over partitions 0 to `partitions` - 1."""

    def __init__(self, partitions: int, random: Random, run: Run) -> None:
        self._partitions, self._random, self._run = partitions, random, run
        self.members: list[SimulatedStage] = []
        self.zombies: list[SimulatedStage] = []
        self.generation = 0
        self._rebalancing = False

    def join(self, process: SimulatedStage) -> None:
        """Become a member; partitions come with the next rebalance."""
        self.members.append(process)

    @property
    def needs_rebalance(self) -> bool:
        """Whether a partition has no living owner, or a living member was never asked."""
        living = [m for m in self.members if m.alive]
        held = {partition for member in living for partition in member.reader.assignment}
        return len(held) < self._partitions or any(m.generation == 0 for m in living)

    def rebalance(self, zombie_rate: float) -> bool:
        """Ask all members to hand over, then assign; return False while one is under way."""
        if self._rebalancing:
            return False
        self._rebalancing = True
        self.generation += 1
        for member in self._random.sample(self.members, len(self.members)):
            if not member.alive:
                continue
            if member.busy or self._random.random() < zombie_rate:
                if self._random.random() < 0.5:
                    member.give_up()
                member.overtaken = True
                self.members.remove(member)
                self.zombies.append(member)
                continue
            self._run(member, member.revoked)
        # Whoever joined in the meantime is in it.
        self.members = [member for member in self.members if member.alive]
        self._assign()
        self._rebalancing = False
        return True

    def _assign(self) -> None:
        if not self.members:
            return
        self._random.shuffle(self.members)
        shares: list[set[int]] = [set() for _ in self.members]
        for partition in range(self._partitions):
            shares[partition % len(shares)].add(partition)
        for member, share in zip(self.members, shares, strict=True):
            member.assign(share, self.generation)

    def notice(self) -> bool:
        """Let one zombie learn that it was thrown out: it hands over and joins again."""
        self.zombies = [zombie for zombie in self.zombies if zombie.alive]
        free = [zombie for zombie in self.zombies if not zombie.busy]
        if not free:
            return False
        zombie = free[0]
        self.zombies.remove(zombie)
        self._run(zombie, zombie.revoked)
        if zombie.alive:
            zombie.reader.assign(set())
            zombie.overtaken = False
            zombie.generation = 0
            self.join(zombie)
        return True
