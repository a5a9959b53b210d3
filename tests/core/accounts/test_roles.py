"""What roles add up to, and that the table in the documentation is the table that is asked."""

from itertools import chain, combinations
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from core.accounts.models import Role, User
from core.accounts.permissions import may, sees
from core.accounts.roles import NOBODY, RIGHTS, Field, Permission, Scope, holders, rights_of, union, who_may
from tests.conftest import MakeUser

STAFF = [role for role in Role if role != Role.CLIENT]
ALL_SETS = list(chain.from_iterable(combinations(STAFF, n) for n in range(1, len(STAFF) + 1)))
DOCS = Path(__file__).parents[3] / "docs" / "roles.md"


def table() -> str:
    """One line for each right, field and scope, one column for each role; `x` where the role has or sees it."""
    lines = ["| | " + " | ".join(str(role.label) for role in STAFF) + " |", "| --- |" + " :-: |" * len(STAFF)]
    for permission in Permission:
        cells = ["x" if permission in RIGHTS[role].permissions else "" for role in STAFF]
        lines.append(f"| `{permission}` | " + " | ".join(cells) + " |")
    lines.append("| customers | " + " | ".join(", ".join(sorted(RIGHTS[role].scopes)) for role in STAFF) + " |")
    for field in Field:
        cells = ["" if field in RIGHTS[role].hidden else "x" for role in STAFF]
        lines.append(f"| sees {field} | " + " | ".join(cells) + " |")
    lines.append("| rows of people taken away | " + " | ".join(str(RIGHTS[role].takes or "") for role in STAFF) + " |")
    return "\n".join(line.replace("  ", " ") for line in lines)


def test_the_documented_table_is_the_one_that_is_asked() -> None:
    print(table())

    assert table() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("roles", ALL_SETS, ids="+".join)
def test_several_roles_may_what_one_of_them_may_and_see_what_one_of_them_sees(roles: tuple[Role, ...]) -> None:
    user = User(roles=list(roles))
    singles = [User(roles=[role]) for role in roles]

    assert {p for p in Permission if may(user, p)} == {p for p in Permission if any(may(s, p) for s in singles)}
    assert {f for f in Field if sees(user, f)} == {f for f in Field if any(sees(s, f) for s in singles)}
    scopes = set().union(*(rights_of(single).scopes for single in singles))
    assert rights_of(user).scopes == (scopes - {Scope.NONE} or {Scope.NONE})


def test_who_works_alone_may_do_and_see_everything() -> None:
    alone = union(STAFF)

    assert alone.permissions == set(Permission)
    assert Scope.ALL in alone.scopes
    assert alone.hidden == set()
    assert not alone.looks_up


def test_an_unknown_role_and_none_are_denied_everything() -> None:
    assert union([]) == union(["superhero"]) == NOBODY


def test_somebody_who_left_may_nothing_with_any_role() -> None:
    assert not any(may(User(roles=STAFF, is_active=False), permission) for permission in Permission)


@pytest.mark.parametrize(
    ("roles", "name"),
    [
        ([], "user_has_roles"),
        (["superhero"], "user_has_roles"),
        ([Role.CLIENT, Role.ANALYST], "client_is_nobody_else"),
    ],
)
def test_the_database_refuses_what_is_no_set_of_roles(db: None, roles: list[str], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        User.objects.create_user(username="mina", roles=roles)


def test_people_are_found_by_each_of_their_roles(make_user: MakeUser) -> None:
    both = make_user(name="Mina", roles=[Role.ANALYST, Role.ADMINISTRATOR])
    gone = make_user(Role.ADMINISTRATOR, "Gone", is_active=False)
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")

    assert list(holders(Role.ADMINISTRATOR)) == list(holders(Role.ANALYST)) == [both]
    assert list(who_may(Permission.MY_DAY)) == [chen]
    assert both.get_roles_display() == "Administrator, Analyst"
    assert gone.holds(Role.ADMINISTRATOR)
