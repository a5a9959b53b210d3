"""Which profile a file is of, by the names of its columns."""

from collections.abc import Sequence
from typing import NamedTuple

from customers.imports import fields
from customers.imports.profiles import china, records, world
from customers.imports.profiles.profile import Profile

PROFILES: dict[str, Profile] = {
    profile.key: profile for profile in (*china.PROFILES, *world.PROFILES, *records.PROFILES)
}
ENOUGH = 0.6
MARGIN = 0.1
# What a later edition of an export may say besides, and must not be passed over: money back, and who it was.
_ALSO = (
    "refunded",
    "paid_after",
    "pay_status",
    "after_sales",
    "cancelled_at",
    "currency",
    "phone",
    "email",
    "region",
    "city",
)


class Match(NamedTuple):
    score: float  # the share of its marks that the file has
    profile: Profile


def matches(names: Sequence[str], kind: str = "orders") -> list[Match]:
    """The profiles whose marks the file has, the likeliest first."""
    keys = {fields.key(name) for name in names}
    found = (
        Match(sum(fields.key(mark) in keys for mark in profile.marks) / len(profile.marks), profile)
        for profile in PROFILES.values()
        if profile.kind == kind
    )
    return sorted((match for match in found if match.score >= ENOUGH), key=lambda match: -match.score)


def recognised(names: Sequence[str], kind: str = "orders") -> list[Profile]:
    """The profile of the file; several where a person has to say which, because they fit equally well; or none."""
    found = matches(names, kind)
    return [match.profile for match in found if match.score > found[0].score - MARGIN]


def mapping(profile: Profile, names: Sequence[str], sample: Sequence[Sequence[str]]) -> dict[str, str]:
    """Field -> column of this file. What is needed and has no column under this profile is guessed."""
    said = {
        field: column
        for field, headers in profile.columns.items()
        if (column := fields.choose(map(fields.key, headers), names, sample))
    }
    guessed = fields.guess(names, sample, profile.kind)
    for field in _ALSO:
        if field not in said and field in guessed and guessed[field] not in said.values():
            said[field] = guessed[field]
    missing = fields.missing_fields(said, profile.kind)
    if missing:
        said |= {field: guessed[field] for field in missing if field in guessed}
        groups = (group for group in fields.KINDS[profile.kind].one_of if group[0] in missing)
        said |= {field: guessed[field] for group in groups for field in group if field in guessed}
    return said
