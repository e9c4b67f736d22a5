"""Catalogue files: the shipped ones by name, others by path. The rest of the house knows catalogues as text only."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tollhoused.cli.program import CommandFailed
from tollhoused.domain.catalogue import Catalogue, CatalogueError
from tollhoused.domain.catalogue_toml import parse_catalogue

SHIPPED = ("hub", "memory_store")


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file's text; `name` is what it is called in complaints."""

    name: str
    toml: str

    def parse(self) -> Catalogue:
        """The catalogue in it. Raises CommandFailed naming the file and the key, or the line."""
        try:
            return parse_catalogue(self.toml)
        except CatalogueError as error:
            raise self.refused(error) from error

    def refused(self, error: CatalogueError) -> CommandFailed:
        """The complaint about this file."""
        return CommandFailed(f"{self.name}: {error}")


def read_catalogue(name_or_path: str) -> CatalogueFile:
    """A shipped catalogue by name, or any file. Raises CommandFailed when it cannot be read."""
    if name_or_path in SHIPPED:
        return CatalogueFile(name_or_path, _shipped(name_or_path))
    path = Path(name_or_path)
    try:
        return CatalogueFile(name_or_path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{name_or_path}: is not UTF-8 text") from error
    except OSError as error:
        hint = (
            f" (shipped catalogues are {' and '.join(SHIPPED)})"
            if isinstance(error, FileNotFoundError) and not path.suffix
            else ""
        )
        raise CommandFailed(f"{name_or_path}: {error.strerror}{hint}") from error


def _shipped(name: str) -> str:
    return (files("tollhoused") / "catalogues" / f"{name}.toml").read_text(encoding="utf-8")
