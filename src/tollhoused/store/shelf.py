"""The applied catalogue versions as this process knows them; the database is the authority (design: catalogue)."""

import hashlib
import threading

from tollhoused.domain.catalogue import CatalogueHistory, check_successor
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.store.store import Store


class CatalogueShelf:
    """Holds all versions, immutable; `refresh` looks for ones that another process has applied."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._history = CatalogueHistory({})

    @property
    def history(self) -> CatalogueHistory:
        """What was known at the last refresh; no versions before anything was applied."""
        return self._history

    def refresh(self) -> None:
        """Loads versions that are new to this process. Raises StoreFault."""
        with self._lock:
            found = self._store.catalogues(known=self._history.newest_version)
            if found:
                added = {version: parse_catalogue(toml) for version, toml in found}
                self._history = CatalogueHistory({**self._history.versions, **added}, self._store.applied_times())

    def apply(self, toml: str, now_us: int) -> int:
        """Checks and stores a new version, unless it equals the newest; returns the version that is newest then.

        Raises CatalogueError for text that is no catalogue or no lawful successor, StoreFault when another process
        applied one at the same moment.
        """
        catalogue = parse_catalogue(toml)
        self.refresh()
        versions = self._history.versions
        newest = self._history.newest_version
        if newest:
            if versions[newest] == catalogue:
                return newest
            check_successor(versions[newest], catalogue)
        self._store.add_catalogue(newest + 1, now_us, toml, hashlib.sha256(toml.encode()).hexdigest())
        self.refresh()
        return newest + 1
