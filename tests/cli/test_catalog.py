"""Catalogues are checked without a database, applied once, and refused with the file and the key at fault."""

from pathlib import Path

import pytest

from tests.cli.commands import done, done_json, failed
from tests.support.house import HUB


@pytest.mark.parametrize(("name", "plans"), [("hub", 5), ("memory_store", 4)])
def test_the_shipped_catalogues_are_sound(name: str, plans: int) -> None:
    assert done("catalog", "check", name).startswith(f"{name}: the catalogue {name} is sound: {plans} plans, ")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("rank = 10\n", 'rank = "ten"\n', "plans.early_adopter.rank: "),
        ("[packs]", "[packs", "(at line "),
        ('default_plan = "hobby"', 'default_plan = "hoby"', "default_plan: "),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in HUB
    path = tmp_path / "mine.toml"
    path.write_text(HUB.replace(old, new, 1))

    for command in (["check", str(path)], ["apply", str(path), "--database-url", f"sqlite:///{tmp_path}/books"]):
        refused = failed("catalog", *command)
        assert refused.startswith(f"tollhouse: {path}: ")
        assert complaint in refused


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')

    assert failed("catalog", "check", str(tmp_path)) == f"tollhouse: {tmp_path}: Is a directory\n"
    assert failed("catalog", "check", f"{tmp_path}/none.toml").startswith(f"tollhouse: {tmp_path}/none.toml: No such")
    assert failed("catalog", "check", f"{tmp_path}/latin.toml").endswith("latin.toml: is not UTF-8 text\n")


def test_a_catalogue_is_applied_once_and_its_successors_after_it(database_url: str, tmp_path: Path) -> None:
    url = ["--database-url", database_url]
    changed, unlawful = tmp_path / "changed.toml", tmp_path / "unlawful.toml"
    changed.write_text(HUB.replace('name = "Hobby"', 'name = "Starter"'))
    unlawful.write_text(HUB.replace('aliases = ["voice_minute"]\n', ""))

    assert "has no catalogue" in failed("catalog", "show", *url)
    assert done("catalog", "apply", "hub", *url) == "hub: is version 1\n"
    assert done("catalog", "apply", "hub", *url) == "hub: equals the newest version, 1\n"
    assert done("catalog", "apply", str(changed), *url) == f"{changed}: is version 2\n"
    assert failed("catalog", "apply", str(unlawful), *url) == (
        f"tollhouse: {unlawful}: meters.voice_minutes.aliases: the alias 'voice_minute' was removed; aliases can only"
        " be added\n"
    )

    assert done("catalog", "show", "--toml", *url) == changed.read_text()
    assert done("catalog", "show", "--toml", "--version", "1", *url) == HUB
    assert done_json("catalog", "show", *url)["plans"]["hobby"]["name"] == "Starter"
    assert "there is no version 3; the newest is 2" in failed("catalog", "show", "--version", "3", *url)


def test_a_catalogue_is_shown_to_people_and_to_programs(sqlite_url: str) -> None:
    url = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *url)

    shown = " ".join(done("catalog", "show", *url).split())
    data = done_json("catalog", "show", *url)

    assert "ai_tokens hobby 10,000 credits: 0.004 per 1,000 token" in shown
    assert "pro 20 29.00 usd monthly" in shown
    assert (data["version"], data["name"], data["currency"]) == (1, "hub", "usd")
    assert data["plans"]["hobby"]["meters"]["ai_tokens"]["rate"]["per_units"] == 1_000
    assert data["meters"]["voice_minutes"]["aliases"] == ["voice_minute"]
