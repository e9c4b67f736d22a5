"""`tollhouse healthcheck`, for containers and scripts."""

from typing import Annotated

import typer

from tollhoused.cli.options import ServerAddress, settings_from
from tollhoused.cli.output import print_line
from tollhoused.cli.program import CommandFailed
from tollhoused.rpc.client import check_health


def healthcheck(
    address: ServerAddress = None,
    service: Annotated[
        str, typer.Option("--service", help="One service by its full name, tollhouse.v1.UsageService; otherwise all.")
    ] = "",
    timeout_seconds: Annotated[
        float, typer.Option("--timeout-seconds", help="How long to wait for the answer.", min=0.1, max=60)
    ] = 5.0,
) -> None:
    """Ask a server whether it serves.

    Exit code 0 when it does, 1 when it does not or nobody answers.
    """
    settings = settings_from(address=address)
    if not check_health(settings.address, service, timeout_seconds):
        raise CommandFailed(f"{settings.address} is NOT_SERVING")
    print_line(f"{settings.address} is SERVING")
