"""Asks the HTTP door, and reads a scrape as Prometheus would."""

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS = 10.0


class Answer(NamedTuple):
    """What the door said."""

    status: int
    text: str


def ask(address: str, path: str, method: str = "GET") -> Answer:
    """One request on a connection of its own."""
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read().decode())


class Scrape:
    """The samples of one moment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """A sample's value; 0 while nothing like it has happened."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def names(self) -> set[str]:
        """Of every sample."""
        return {name for name, _ in self._samples}

    def labels(self) -> set[str]:
        """The names of all labels."""
        return {label for _, labels in self._samples for label, _ in labels}


def moved(look: Callable[[], Scrape], act: Callable[[], object]) -> Callable[..., float]:
    """By how much each sample moves while `act` is done: `moved(...)("name", label="value")`."""
    before = look()
    act()
    after = look()
    return lambda name, **labels: after(name, **labels) - before(name, **labels)
