"""`tollhouse healthcheck`, for containers and scripts."""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.options import ReachTrusting, ReachWithTls, ServerAddress, settings_from
from tollhoused.cli.program import CommandFailed
from tollhoused.rpc.channel import check_health, target_of


def healthcheck(
    address: ServerAddress = None,
    tls: ReachWithTls = None,
    tls_ca: ReachTrusting = None,
    service: Annotated[
        str, typer.Option("--service", help="One service by its full name, tollhouse.v1.UsageService, or liveness.")
    ] = "",
    timeout_seconds: Annotated[
        float, typer.Option("--timeout-seconds", help="How long to wait for the answer.", min=0.1, max=60)
    ] = 5.0,
) -> None:
    """Ask a server whether it serves.

    Exit code 0 when it does, 1 when it does not or nobody answers.
    """
    target = target_of(settings_from(address=address, tls=tls, tls_ca=tls_ca), shows_key=False)
    if not check_health(target, service, timeout_seconds):
        raise CommandFailed(f"{target.address} is NOT_SERVING")
    print_line(f"{target.address} is SERVING")
