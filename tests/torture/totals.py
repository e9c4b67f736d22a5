"""The figures of several runs on one engine as those of one."""

from collections import Counter
from collections.abc import Sequence

from tests.torture.figures import EXAMPLES_MAX, Figures

WORST = ("recovery_seconds",)
"""The largest counts; every other number is added up."""

SAME = ("engine", "fault", "servers", "seed")
"""What the runs have in common; they begin with the first one's seed and count up from there."""


def total(runs: Sequence[Figures]) -> dict[str, object]:
    """The sums, the verdict first: passed when every run has passed."""
    assert runs
    pictures = [figures.as_json() for figures in runs]
    passed = all(figures.passed for figures in runs)
    added: dict[str, object] = {"verdict": "passed" if passed else "failed", "runs": len(runs)}
    for name, value in pictures[0].items():
        if name in SAME:
            added[name] = value
        elif name != "verdict":
            added[name] = _sum(name, [picture[name] for picture in pictures])
    return added


def _sum(name: str, values: list[object]) -> object:
    if name == "examples":
        return _examples(values)
    if isinstance(values[0], dict):
        counts: Counter[str] = Counter()
        for value in values:
            assert isinstance(value, dict)
            counts.update(value)
        return dict(sorted(counts.items()))
    numbers = [value for value in values if isinstance(value, int | float)]
    return max(numbers) if name in WORST else round(sum(numbers), 1)


def _examples(values: list[object]) -> dict[str, list[str]]:
    joined: dict[str, list[str]] = {}
    for value in values:
        assert isinstance(value, dict)
        for invariant, texts in value.items():
            joined.setdefault(invariant, []).extend(texts)
    return {invariant: texts[:EXAMPLES_MAX] for invariant, texts in joined.items()}
