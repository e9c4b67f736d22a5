"""Cores whose writing transactions can be watched, held and broken."""

import pytest

from tests.support.house import CoreMaker
from tests.support.watched import WatchedEngine
from tollhoused.store.store import Store, open_store
from tollhoused.usecases.core import Core


@pytest.fixture
def watch(database_url: str) -> WatchedEngine:
    """The engine under `watched_core`, on SQLite and PostgreSQL in turn."""
    return WatchedEngine(open_store(database_url).engine)


@pytest.fixture
def watched_core(watch: WatchedEngine, make_core: CoreMaker) -> Core:
    """A Core on an empty database, its transactions under watch."""
    return make_core(store=Store(watch))
