"""The HTTP door of a server and its metrics, imported only where it is opened: it would slow every command."""

import logging
from collections.abc import Callable
from importlib.metadata import version

from tollhoused.addresses import Address, parse_address
from tollhoused.cli.program import CommandFailed
from tollhoused.http.app import make_app
from tollhoused.http.metrics import CONTENT_TYPE, Metrics
from tollhoused.http.server import HttpAddressError, HttpServer
from tollhoused.http.webhooks import Inbox
from tollhoused.settings import Settings
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk

log = logging.getLogger(__name__)


class HttpDoor:
    """Knows what `metrics` were told, and answers when it is open."""

    def __init__(self, settings: Settings) -> None:
        engine = "sqlite" if settings.on_sqlite else "postgresql"
        self.metrics = Metrics(version("tollhouse"), settings.environment, engine)
        self._address = settings.http_listen
        self._server: HttpServer | None = None

    def look_at(self, core: Core, ready: Callable[[], bool]) -> None:
        """Shows the queue, the pool and health in metrics."""
        shelf = core.shelf
        self.metrics.look_at(core.store, core.journal, ready, lambda: shelf.history.newest_version)

    def open(self, ready: Callable[[], bool], desk: Desk | None, receive: Callable[[bytes, str], bool] | None) -> str:
        """Answers from now on, and has webhooks of the desk's provider received where somebody does; says where.

        Raises CommandFailed where the address cannot be had.
        """
        inbox = None
        if desk and receive:
            inbox = Inbox(desk.name, desk.provider.signature_header, receive, self.metrics.provider)
        self._server = HttpServer(make_app(ready, self.metrics.text, CONTENT_TYPE, inbox))
        try:
            port = self._server.start(self._address)
        except HttpAddressError as error:
            raise CommandFailed(str(error)) from error
        address = str(Address(parse_address("http_listen", self._address).host, port))
        log.info("HTTP is served on %s", address)
        return address

    def close(self) -> None:
        """Answers no more."""
        if self._server:
            self._server.stop()
