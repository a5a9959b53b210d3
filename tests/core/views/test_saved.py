"""Saved views: who sees which, and that nobody else changes them."""

import pytest
from django.http import Http404

from core.accounts.models import Role, User
from core.lib.errors import DomainError
from core.views import saved
from core.views.models import SavedView
from tests.conftest import NOW, MakeUser

pytestmark = pytest.mark.django_db
LOOK = saved.Look({"v": 1, "all": []}, ["class"], "-value")
OTHER = saved.Look({"v": 1, "all": [{"field": "quiet", "op": "gt", "value": ["60"]}]})


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Qian", team="East")


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen", team="East")


@pytest.fixture
def zhao(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Zhao", team="West")


def names(user: User) -> list[str]:
    return [view.name for view in saved.visible_to(user, "customers")]


def test_a_view_is_its_owners_until_it_is_shared_and_again_afterwards(lead: User, chen: User, zhao: User) -> None:
    view = saved.save(lead, "customers", " Quiet   big ", LOOK, at=NOW)
    assert (names(lead), names(chen), names(zhao)) == (["Quiet big"], [], [])
    assert list(saved.visible_to(lead, "cases")) == []

    saved.share(lead, view.pk, "team", at=NOW)
    assert (names(chen), names(zhao)) == (["Quiet big"], [])
    saved.share(lead, view.pk, "all", at=NOW)
    assert (names(chen), names(zhao)) == (["Quiet big"], ["Quiet big"])

    lead.is_active = False
    lead.save()
    assert (names(chen), names(zhao)) == ([], [])
    lead.is_active = True
    lead.save()
    saved.share(lead, view.pk, "private", at=NOW)
    assert (names(chen), names(zhao), names(lead)) == ([], [], ["Quiet big"])


def test_nobody_changes_the_view_of_another_whatever_the_door(lead: User, chen: User) -> None:
    view = saved.save(lead, "customers", "Quiet big", LOOK, at=NOW)
    saved.share(lead, view.pk, "team", at=NOW)
    for deed in (
        lambda: saved.update(chen, view.pk, OTHER, seen=""),
        lambda: saved.share(chen, view.pk, "all", at=NOW),
        lambda: saved.archive(chen, view.pk, at=NOW),
        lambda: saved.update(chen, 999, OTHER, seen=""),
    ):
        with pytest.raises(Http404):
            deed()
    saved.share(lead, view.pk, "private", at=NOW)
    for deed in (
        lambda: saved.copy(chen, "customers", view.pk, at=NOW),
        lambda: saved.pin(chen, "customers", view=view.pk),
    ):
        with pytest.raises(Http404):
            deed()
    assert SavedView.objects.get(pk=view.pk).query == LOOK.query


def test_a_copy_is_ones_own_and_the_original_stays(lead: User, chen: User) -> None:
    view = saved.save(lead, "customers", "Quiet big", LOOK, at=NOW)
    saved.share(lead, view.pk, "team", at=NOW)
    mine = saved.copy(chen, "customers", view.pk, at=NOW)
    saved.update(chen, mine.pk, OTHER, seen=saved.stamp(mine))
    again = saved.copy(chen, "customers", view.pk, at=NOW)

    assert (mine.name, again.name, again.visibility) == ("Quiet big", "Quiet big 2", "private")
    assert SavedView.objects.get(pk=view.pk).query == LOOK.query
    assert saved.kept_for(chen, "customers").pinned == [f"v{mine.pk}", f"v{again.pk}"]


def test_what_may_not_be_is_refused_with_a_sentence(chen: User, make_user: MakeUser) -> None:
    view = saved.save(chen, "customers", "Mine", LOOK, at=NOW)
    with pytest.raises(DomainError, match="Ask your team lead"):
        saved.share(chen, view.pk, "team", at=NOW)
    with pytest.raises(DomainError, match="already"):
        saved.save(chen, "customers", "Mine", LOOK, at=NOW)
    with pytest.raises(DomainError, match="name"):
        saved.save(chen, "customers", "  ", LOOK, at=NOW)
    alone = make_user(Role.TEAM_LEAD, "Alone")
    his = saved.save(alone, "customers", "His", LOOK, at=NOW)
    with pytest.raises(DomainError, match="no team"):
        saved.share(alone, his.pk, "team", at=NOW)
    with pytest.raises(DomainError, match="Choose"):
        saved.share(alone, his.pk, "world", at=NOW)


def test_pins_are_ones_own_come_once_and_end(chen: User, lead: User) -> None:
    for _twice in range(2):
        saved.pin(chen, "customers", system="quiet")
    view = saved.save(chen, "customers", "Mine", LOOK, at=NOW)
    assert saved.kept_for(chen, "customers").pinned == ["quiet", f"v{view.pk}"]
    assert saved.kept_for(lead, "customers").pinned == []
    saved.unpin(chen, "customers", system="quiet")
    saved.archive(chen, view.pk, at=NOW)
    assert saved.kept_for(chen, "customers").pinned == []
    assert names(chen) == []
    saved.save(chen, "customers", "Mine", LOOK, at=NOW)  # the name is free again


def test_where_there_is_no_room_above_a_view_is_saved_all_the_same(chen: User, lead: User) -> None:
    """What others have ceased to share takes no room that nobody sees."""
    for n in range(saved.MOST_PINS - 1):
        saved.pin(chen, "customers", system=f"s{n}")
    theirs = saved.save(lead, "customers", "Theirs", LOOK, at=NOW)
    saved.share(lead, theirs.pk, "all", at=NOW)
    saved.pin(chen, "customers", view=theirs.pk)
    saved.pin(chen, "customers", system="s0")  # twice is once, also where it is full
    with pytest.raises(DomainError, match="Take one away"):
        saved.pin(chen, "customers", system="one more")
    mine = saved.save(chen, "customers", "Mine", LOOK, at=NOW)
    assert f"v{mine.pk}" not in saved.kept_for(chen, "customers").pinned
    saved.share(lead, theirs.pk, "private", at=NOW)
    saved.pin(chen, "customers", view=mine.pk)
    assert f"v{mine.pk}" in saved.kept_for(chen, "customers").pinned


@pytest.mark.parametrize("typed", ["\u202e", "\u200b \u200b", "\x00"])
def test_a_name_that_nobody_can_read_is_none(chen: User, typed: str) -> None:
    with pytest.raises(DomainError, match="name"):
        saved.save(chen, "customers", typed, LOOK, at=NOW)
    assert saved.save(chen, "customers", f"{typed}Big {typed} ones", LOOK, at=NOW).name == "Big ones"


def test_the_shared_views_of_who_leaves_pass_on_and_the_others_stay_theirs(lead: User, chen: User, zhao: User) -> None:
    shared = saved.save(lead, "customers", "Quiet big", LOOK, at=NOW)
    saved.share(lead, shared.pk, "all", at=NOW)
    private = saved.save(lead, "customers", "Mine", LOOK, at=NOW)
    saved.save(chen, "customers", "Quiet big", OTHER, at=NOW)

    assert saved.pass_on(lead, None, by=None, at=NOW) == 0
    assert saved.pass_on(lead, chen, by=None, at=NOW) == 1
    shared.refresh_from_db()
    private.refresh_from_db()
    assert (shared.owner, shared.name, private.owner) == (chen, "Quiet big 2", lead)
    assert names(zhao) == ["Quiet big 2"]


def test_an_administrator_puts_away_what_is_shared_and_nothing_else(lead: User, make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR, "Root")
    view = saved.save(lead, "customers", "Quiet big", LOOK, at=NOW)
    with pytest.raises(Http404):
        saved.archive_shared(admin, view.pk, at=NOW)
    saved.share(lead, view.pk, "team", at=NOW)
    assert list(saved.shared()) == [view]
    saved.archive_shared(admin, view.pk, at=NOW)
    assert (names(lead), list(saved.shared())) == ([], [])
    assert saved.kept_for(lead, "customers").pinned == []


def test_columns_stand_in_the_order_in_which_they_were_chosen(chen: User) -> None:
    saved.choose_columns(chen, "customers", ["value", "class"], "wide")
    assert saved.kept_for(chen, "customers")[2:] == (["value", "class"], "wide")
    saved.choose_columns(chen, "customers", [], "tall")
    assert saved.kept_for(chen, "customers")[2:] == ([], "compact")
