"""Options that several commands take. Each setting's text, default and variable come from `settings`."""

import os
from typing import Annotated, Any

import typer

from tollhoused.settings import Settings, describe, read_settings, variable


def setting(name: str, *flags: str, metavar: str | None = None) -> Any:
    """The option of a setting: None where it is not given, so that its variable and its default still count."""
    flags = flags or (f"--{name.replace('_', '-')}",)
    return typer.Option(*flags, help=describe(name), metavar=metavar, show_default=False)


def settings_from(**flags: object) -> Settings:
    """The settings of this process, as far as flags give them. Raises SettingsError."""
    return read_settings(flags, os.environ)


def was_given(name: str, flag: object) -> bool:
    """Whether a flag or a variable says what the setting is: its default does not count."""
    return flag is not None or variable(name) in os.environ


DatabaseUrl = Annotated[str | None, setting("database_url", metavar="URL")]
ServerAddress = Annotated[str | None, setting("address", metavar="HOST:PORT")]
ReachWithTls = Annotated[bool | None, setting("tls", "--tls/--no-tls")]
ReachTrusting = Annotated[str | None, setting("tls_ca", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of a table for people.")]
UserId = Annotated[str, typer.Option("--user-id", help="The account of the user with this id.", show_default=False)]
Email = Annotated[str, typer.Option("--email", help="The account of the user with this e-mail.", show_default=False)]
OrgId = Annotated[str, typer.Option("--org-id", help="The account of this organization.", show_default=False)]
Environment = Annotated[str | None, setting("environment", metavar="test|live")]
