"""A copy of an SQLite database while others write to it: one instant of the books, checked before it gets its name."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tollhoused.errors import Reported
from tollhoused.store import schema
from tollhoused.store.store import SQLITE_PREFIX

PARTIAL = ".partial"
"""What the name of a copy ends with until it is complete and checked."""


class BackupFailed(Reported):
    """There is no backup; the message says why. Nothing bears the name that it would have had."""


def back_up(url: str, target: Path) -> int:
    """Copies the database of an `sqlite:///` URL into a new file; returns its size in bytes.

    The copy is what was committed when it began, whatever is written meanwhile: it is read in one read transaction,
    which keeps nobody from writing. It is checked page by page and for its schema, and safe on disk before it gets its
    name. What bears the name already is never touched. Raises BackupFailed.
    """
    source = Path(url.removeprefix(SQLITE_PREFIX))
    if target.exists():
        raise BackupFailed(f"{target} is there already, and is not written over")
    partial = target.with_name(target.name + PARTIAL)
    try:
        # Nobody else may read it: it holds everything that the books hold.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupFailed(f"{partial} is there: another backup is under way, or one was interrupted") from None
    except OSError as error:
        raise BackupFailed(f"{partial}: {error.strerror}") from error
    try:
        _copy(source, partial)
        _check(partial)
        _sync(partial)
        size = partial.stat().st_size
        _name(partial, target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} could not be copied: {error}") from error
    except OSError as error:
        raise BackupFailed(f"{target}: {error.strerror}") from error
    finally:
        for left in (partial, Path(f"{partial}-wal"), Path(f"{partial}-shm"), Path(f"{partial}-journal")):
            left.unlink(missing_ok=True)
    return size


def _copy(source: Path, partial: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(partial)) as writer:
        reader.backup(writer)  # all pages in one step: in several, every commit of others would begin it anew


def _check(partial: Path) -> None:
    with closing(sqlite3.connect(partial)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            raise BackupFailed(f"the copy is damaged, and so may the database be: {found[0][0]}")
    problems = schema.problems(f"{SQLITE_PREFIX}{partial}")
    if problems:
        raise BackupFailed(f"the copy is no database of this program: {problems[0]}")


def _name(partial: Path, target: Path) -> None:
    """Gives the copy its name, unless another file has got it meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise BackupFailed(f"{target} is there already, and is not written over") from None
    except OSError:  # a file system without links: nothing else makes it sure that nobody was quicker
        if target.exists():
            raise BackupFailed(f"{target} is there already, and is not written over") from None
        partial.rename(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
