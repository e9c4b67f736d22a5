"""What followers are told: everything once, then what is new, whatever fails in between."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.door import until
from tests.support.house import HUB, make_user, person, use
from tollhoused.domain.identity import Subject
from tollhoused.errors import Overloaded, StoreUnavailable, TollhouseError
from tollhoused.usecases import following
from tollhoused.usecases.core import Core, View
from tollhoused.usecases.following import Feed


class Listener:
    """A follower that remembers what it was told, and when it was told that this was all."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.flushed: list[int | None] = []

    def tell(self, subject: Subject, found: View | TollhouseError, memo: dict[object, bytes]) -> None:
        self.told.append((subject.user_id, found.account.version if isinstance(found, View) else 0))

    def flush(self, checked_us: int | None) -> None:
        self.flushed.append(checked_us)


@contextmanager
def _feed(core: Core) -> Iterator[Feed]:
    feed = Feed(core, look_seconds=0.05)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


USERS = ["anna", "bert", "cyd"]
SUBJECTS = [person(user) for user in USERS]


def test_a_follower_hears_everything_once_and_then_what_is_new(core: Core) -> None:
    for user in USERS:
        make_user(core, user)
    early, late = Listener(), Listener()
    with _feed(core) as feed:
        feed.follow(SUBJECTS, early)
        until(lambda: early.flushed == [core.clock()], "the first has heard everything")
        feed.follow(SUBJECTS[:1], late)
        until(lambda: late.flushed == [core.clock()], "the second, too")
        use(core, "anna", "one")
        until(lambda: len(early.flushed) == len(late.flushed) == 2, "both have heard of the change")

    assert sorted(early.told[:3]) == [("anna", 1), ("bert", 1), ("cyd", 1)]
    assert early.told[3:] == late.told[1:] == [("anna", 2)]
    assert late.told[0] == ("anna", 1)


def test_a_read_that_fails_half_way_keeps_nobody_waiting_for_ever(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for user in USERS:
        make_user(core, user)
    monkeypatch.setattr(following, "READ_MAX", 1)
    view_all, reads = core.view_all, iter([False, True])

    def failing(subjects: list[Subject]) -> dict[Subject, View | TollhouseError]:
        if next(reads, False):
            raise StoreUnavailable("gone")
        return view_all(subjects)

    monkeypatch.setattr(Core, "view_all", lambda _, subjects: failing(subjects))
    first, other = Listener(), Listener()
    with _feed(core) as feed:
        feed.follow(SUBJECTS[:1], first)
        feed.follow(SUBJECTS[1:], other)
        until(lambda: bool(first.flushed and other.flushed), "both have heard everything")

    assert first.told == [("anna", 1)]
    assert sorted(other.told) == [("bert", 1), ("cyd", 1)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_new_catalogue_is_told(core: Core) -> None:
    make_user(core, "anna")
    listener = Listener()
    with _feed(core) as feed:
        feed.follow(SUBJECTS[:1], listener)
        until(lambda: len(listener.told) == 1, "how things are")
        core.shelf.apply(HUB.replace('name = "hub"', 'name = "another hub"') + "\n# another text\n", core.clock())
        until(lambda: len(listener.told) == 2, "how they are now")

    assert listener.told == [("anna", 1)] * 2


def test_who_stops_following_is_told_nothing_and_room_comes_back(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FOLLOWED_MAX", 2)
    for user in USERS:
        make_user(core, user)
    gone, here = Listener(), Listener()
    with _feed(core) as feed:
        feed.follow(SUBJECTS[:2], gone)
        with pytest.raises(Overloaded):
            feed.follow(SUBJECTS[1:], here)
        until(lambda: len(gone.told) == 2, "the first has heard everything")
        feed.unfollow(SUBJECTS[:2], gone)
        feed.follow(SUBJECTS[1:], here)
        until(lambda: len(here.told) == 2, "the second has heard everything")
        use(core, "bert", "one")
        until(lambda: len(here.told) == 3, "and the change")
        assert feed.subjects == 2

    assert (len(gone.told), here.told[-1]) == (2, ("bert", 2))


def test_a_feed_that_nobody_follows_does_not_look(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def look(_: object) -> list[str]:
        looked.set()
        return []

    with _feed(core) as feed:
        monkeypatch.setattr(core.store, "moved_accounts", look)
        make_user(core, "anna")
        use(core, "anna", "one")
        assert not looked.wait(0.3)
        feed.follow(SUBJECTS[:1], Listener())
        assert looked.wait(10)
