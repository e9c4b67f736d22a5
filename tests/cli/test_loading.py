"""What was loaded before keeps the time that it got then, whatever shift the times would get now."""

from collections.abc import Sequence

from tollhoused.cli.loading import Loader, Reject, Shift
from tollhoused.cli.times import read_iso
from tollhoused.cli.usage_file import Line
from tollhoused.cli.usage_layout import Layout, Source, measures_of
from tollhoused.domain.commands import Enforcement
from tollhoused.rpc.client import Recorded, Refused, Result
from tollhoused.usecases.usage import UsageReport

DIGEST = "0" * 64
LAYOUT = Layout(
    measures=measures_of(["api_calls=n"], "", ""),
    user_id=Source("who"),
    email=Source(),
    org_id=Source(),
    spread=0,
    spread_prefix="",
    product=Source(constant="talk"),
    time_column="at",
    read_time=read_iso,
    enforcement=Enforcement.ENFORCE,
)
ROWS = [Line(n + 2, n, {"who": "ada" if n else "nobody", "n": "1", "at": f"2026-01-0{n + 1}"}) for n in range(6)]
DAY_US = 86_400_000_000


class Books:
    """What a server would remember: the first content of each key. It knows nobody of the name in `unknown`."""

    def __init__(self, unknown: str = "") -> None:
        self.unknown = unknown
        self.stored: dict[str, UsageReport] = {}

    def send(self, reports: Sequence[UsageReport]) -> list[Result]:
        return [self._record(report) for report in reports]

    def find(self, key: str) -> int | None:
        return self.stored[key].event_us if key in self.stored else None

    def _record(self, report: UsageReport) -> Result:
        if report.user_id == self.unknown:
            return Refused("SUBJECT_NOT_FOUND", "no account is known under this user_id")
        replayed = report.idempotency_key in self.stored
        if self.stored.setdefault(report.idempotency_key, report) != report:
            return Refused("IDEMPOTENCY_KEY_REUSED", "the key was used before with another event_time")
        return Recorded(report.quantity, 0, "usd", replayed)


def _load(books: Books, rows: list[Line], shift_us: int, batch_size: int = 2) -> Loader:
    rejects: list[Reject] = []
    loader = Loader(LAYOUT, DIGEST, books.send, rejects.append, Shift(shift_us, books.find))
    loader.load(rows, batch_size, lambda _: None)
    return loader


def test_a_file_that_was_loaded_before_keeps_its_shift() -> None:
    books = Books()
    _load(books, ROWS, 10 * DAY_US)

    again = _load(books, ROWS, 11 * DAY_US)

    assert (again.tally.recorded.events, again.tally.replayed.events, again.tally.rejects) == (0, 6, 0)


def test_a_load_that_was_interrupted_goes_on_with_its_shift() -> None:
    books = Books()
    _load(books, ROWS[:3], 10 * DAY_US)

    again = _load(books, ROWS, 11 * DAY_US)

    assert (again.tally.recorded.events, again.tally.replayed.events, again.tally.rejects) == (3, 3, 0)
    assert {report.event_us for report in books.stored.values()} == {
        read_iso(f"2026-01-0{day}") + 10 * DAY_US for day in range(1, 7)
    }


def test_a_first_row_that_was_refused_then_does_not_hide_the_shift_of_the_others() -> None:
    books = Books(unknown="nobody")
    assert _load(books, ROWS, 10 * DAY_US).tally.rejects == 1
    books.unknown = ""

    again = _load(books, ROWS, 11 * DAY_US)

    assert (again.tally.recorded.events, again.tally.replayed.events, again.tally.rejects) == (1, 5, 0)
    third = _load(books, ROWS, 12 * DAY_US)
    assert (third.tally.replayed.events, third.tally.rejects) == (6, 0)
