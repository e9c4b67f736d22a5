"""Opens the books of a server, whose doors are open already: it starts also while its database cannot be used."""

import gc
import logging
from importlib.metadata import version

from tollhoused.addresses import shown_url
from tollhoused.cli.files import read_catalogue
from tollhoused.cli.opening import check_durability, settle_environment
from tollhoused.cli.program import Program
from tollhoused.settings import Settings
from tollhoused.store import schema
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases import testing_time
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

log = logging.getLogger(__name__)


class Starter:
    """What has to be done once, in order, before a call can be answered. Each step may be done again."""

    def __init__(
        self, program: Program, settings: Settings, core: Core, keyring: Keyring | None, *, migrate: bool
    ) -> None:
        """`migrate` is for any database; one that is an empty file is migrated anyway."""
        self._program = program
        self._settings = settings
        self._core = core
        self._keyring = keyring
        self._migrate = migrate

    def open(self) -> None:
        """Opens the books.

        Raises SchemaMismatch, MigrationFailed, StoreFault or StoreUnavailable for what may pass by itself or by another
        process, CommandFailed or CatalogueError for what somebody has to mend.
        """
        url = self._settings.database_url
        # Where there is no table at all, there is nothing that a migration could harm.
        if self._migrate or (self._settings.on_sqlite and schema.is_empty(url)):
            for step in schema.migrate(url):
                log.info("migrated: %s", step)
        schema.check(url)
        self._core.store.ping()
        check_durability(self._core.store)
        settle_environment(self._core.store, self._settings.environment)
        self._stock()
        testing_time.refresh(self._core)
        if self._keyring:
            self._keyring.refresh()
            if self._keyring.empty:
                log.warning("no API key is live: make one with `tollhouse clients create` and `tollhouse keys create`")
        _settle_memory()
        log.info(
            "tollhouse %s, database %s, catalogue %s version %d",
            version("tollhouse"),
            shown_url(url),
            self._core.catalogue.name,
            self._core.shelf.history.newest_version,
        )

    def _stock(self) -> None:
        """Gives a database without any catalogue its first one; otherwise the database is the authority."""
        shelf = self._core.shelf
        shelf.refresh()
        if shelf.history.versions:
            return
        found = read_catalogue(self._settings.catalogue)
        found.parse()
        try:
            shelf.apply(found.toml, self._program.clock())
        except StoreFault as failure:
            if failure.fault is not Fault.COLLISION:
                raise
            shelf.refresh()  # another server was quicker
        else:
            log.info("the database had no catalogue: it starts with %s", found.name)


def _settle_memory() -> None:
    """Takes what lives as long as the server out of the garbage collector's sight, and lets it look less often.

    A batch makes some ten thousand short-lived values, none of them in cycles: at the default thresholds the collector
    walked the whole heap several times a second for nothing, about a quarter of the time of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
