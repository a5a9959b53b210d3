"""Profiles that people have made: what was chosen for a source is chosen for its next file; others are shared."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers.imports import profiles
from customers.imports.choices import Choices
from customers.models import ImportProfile

FORMAT = "laoke import profile 1"
LARGEST = 200_000


class Before(NamedTuple):
    """What was chosen for the last file of a source, and which columns that file had."""

    choices: Choices
    columns: list[str]


def of_source(source: str, kind: str = "orders") -> Before | None:
    """None when no file of this source was imported yet."""
    row = ImportProfile.objects.filter(source=source, kind=kind).first()
    return Before(Choices.of_json(row.choices), row.columns) if row else None


def named(name: str) -> Choices:
    """What a profile says, built in or made by people. Raises Invalid for no such profile."""
    if name in profiles.PROFILES:
        return Choices(profile=name)
    row = ImportProfile.objects.filter(name=name).first()
    if row is None:
        raise Invalid(
            _("There is no profile “%(name)s”. Choose one of: %(names)s.")
            % {"name": name, "names": ", ".join(names())},
            code="bad_profile",
        )
    return Choices.of_json(row.choices)


def names() -> list[str]:
    """Every profile that can be chosen."""
    return [*profiles.PROFILES, *ImportProfile.objects.order_by("name").values_list("name", flat=True)]


def keep(source: str, choices: Choices, columns: list[str], *, by: User | None, at: datetime) -> None:
    """The next file of this source is understood as this one was."""
    how = replace(choices.how, separator="", header_line=0)  # of the one file
    said = {"choices": replace(choices, how=how).as_json(), "columns": columns, "at": at, "by": by}
    ImportProfile.objects.update_or_create(
        source=source,
        kind=choices.kind,
        defaults=said,
        create_defaults=said | {"name": _free_name(source, choices.kind)},
    )


def _free_name(source: str, kind: str) -> str:
    """The name of the source, unless another profile has it."""
    name = source
    while (
        ImportProfile.objects.filter(name=name).exclude(source=source, kind=kind).exists() or name in profiles.PROFILES
    ):
        name = f"{name} +"
    return name[:80]


def export(profile: ImportProfile) -> str:
    """The profile as a file that another mall can read. It holds names of columns and words of statuses, no data."""
    said = {"format": FORMAT, "name": profile.name, "choices": profile.choices}
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"


@transaction.atomic
def read(content: bytes, *, by: User, at: datetime) -> ImportProfile:
    """A profile that was exported can be chosen here, under its name. Raises Invalid for anything else."""
    try:
        said: Any = json.loads(content[:LARGEST].decode("utf-8-sig"))
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("format") != FORMAT or not str(said.get("name", "")).strip():
        raise Invalid(_("This is no profile of an import. Export one to see how it is written."), code="bad_profile")
    choices = Choices.of_json(said.get("choices"))
    name = str(said["name"]).strip()[:80]
    if name in names():
        raise DomainError(
            _("There is a profile “%(name)s” already. Rename the one in the file.") % {"name": name}, code="name_taken"
        )
    profile = ImportProfile.objects.create(
        name=name, source="", kind=choices.kind, choices=choices.as_json(), at=at, by=by
    )
    audit.record(by, "import_profile.read", profile, at=at, name=name)
    return profile


@transaction.atomic
def delete(profile: ImportProfile, *, by: User, at: datetime) -> None:
    """It can be chosen no longer; the next file of its source is understood anew."""
    audit.record(by, "import_profile.deleted", profile, at=at, name=profile.name)
    profile.delete()
