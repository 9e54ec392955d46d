"""What came of one seed."""

from dataclasses import asdict, dataclass, field


@dataclass
class Result:
    """What one seed did and found; `missed` are planned faults without effect."""

    seed: int
    plan: str
    seconds: float = 0.0
    effects: dict[str, float] = field(default_factory=dict)
    accounted: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every fault took effect and nothing differs."""
        return not (self.missed or self.differences)

    def line(self) -> str:
        """Return the result in one line."""
        told = ", ".join(f"{name} {value:g}" for name, value in self.effects.items())
        word = "equal" if self.passed else "DIFFERS" if self.differences else "FAULT MISSED"
        return f"seed {self.seed}: {word} in {self.seconds:.0f} s: {told}"

    def as_json(self) -> dict[str, object]:
        """Return the result as plain data."""
        return asdict(self) | {"passed": self.passed}
