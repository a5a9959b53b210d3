"""A mall moves into an empty house, once; its facts change afterwards and are followed everywhere."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from complaints.models import BusinessCalendar, Case, Category, SlaPolicy
from core.accounts import staff
from core.accounts.models import AuditEntry, Role, User
from core.accounts.permissions import may, sees
from core.accounts.roles import Field, Permission
from core.lib import mall as facts_of_mall
from core.lib import periods
from core.lib.errors import DomainError, Invalid
from core.lib.mall import Facts
from core.mall.models import MallSettings, SetupCode
from crm.flows import mall
from crm.flows.mall import FirstPerson
from customers.models import Customer
from loyalty.models import TierDraft, TierRules
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

NOW = datetime(2026, 11, 17, 4, tzinfo=UTC)
BERLIN = Facts("Kaufhaus Berlin", "EUR", "Europe/Berlin", "en", "DE")
MINA = FirstPerson("mina", "correct horse battery", "Mina Weber", "mina@kaufhaus.example")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mall_row")]


def test_an_empty_house_gets_its_first_administrator_its_facts_a_desk_and_nothing_made_up() -> None:
    assert staff.nobody_yet()

    mina = mall.set_up(BERLIN, MINA, at=NOW, country="DE", week=[(1, 480, 960), (6, 600, 720)])

    assert (mina.roles, mina.check_password(MINA.password)) == ([Role.ADMINISTRATOR], True)
    assert facts_of_mall.facts() == BERLIN
    assert facts_of_mall.facts().symbol == "€"
    office = BusinessCalendar.objects.get(code="office")
    assert (office.zone, office.country, office.shifts.count()) == ("Europe/Berlin", "DE", 2)
    assert office.days.filter(date="2026-12-25").exists()
    assert SlaPolicy.objects.filter(status="published").exists()
    assert Category.objects.exists()
    assert TierDraft.objects.get().by == mina
    assert [model.objects.count() for model in (Customer, Case, TierRules)] == [0, 0, 0]
    assert AuditEntry.objects.filter(action="mall.set_up", actor=mina).count() == 1
    assert not staff.nobody_yet()


def test_who_works_alone_may_do_and_see_everything() -> None:
    mina = mall.set_up(BERLIN, FirstPerson("mina", MINA.password, alone=True), at=NOW)

    assert all(may(mina, permission) for permission in Permission)
    assert all(sees(mina, field) for field in Field)


def test_it_is_set_up_once() -> None:
    mall.set_up(BERLIN, MINA, at=NOW)

    with pytest.raises(DomainError) as refusal:
        mall.set_up(BERLIN, FirstPerson("eve", MINA.password), at=NOW)
    assert refusal.value.code == "set_up_already"
    with pytest.raises(DomainError):
        mall.new_code(at=NOW)
    assert not User.objects.filter(username="eve").exists()


def test_a_program_that_calls_the_api_is_nobody_who_signs_in(make_user: MakeUser) -> None:
    make_user(Role.CLIENT)

    assert staff.nobody_yet()


def test_the_page_needs_the_code_which_is_good_once_and_for_a_day() -> None:
    old, code = mall.new_code(at=NOW), mall.new_code(at=NOW)

    assert not mall.is_code(old, at=NOW)
    assert not mall.is_code("", at=NOW)
    assert not mall.is_code(code, at=NOW + timedelta(days=1, seconds=1))
    assert code not in str(SetupCode.objects.values())
    with pytest.raises(Invalid) as refusal:
        mall.set_up(BERLIN, MINA, at=NOW, code=old)
    assert refusal.value.code == "setup_code"
    assert "not the newest setup code" in str(refusal.value)

    mall.set_up(BERLIN, MINA, at=NOW, code=f" {code} ")

    assert not SetupCode.objects.exists()
    assert not mall.is_code(code, at=NOW)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": "  "}, "name"),
        ({"currency": "XXX"}, "currency"),
        ({"time_zone": "Beijing"}, "time_zone"),
        ({"language": "fr"}, "language"),
        ({"phone_region": "ZZ"}, "phone_region"),
    ],
)
def test_a_wrong_fact_is_refused_by_its_name(wrong: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        mall.set_up(Facts(**{**vars(BERLIN), **wrong}), MINA, at=NOW)

    assert refusal.value.code == code
    assert staff.nobody_yet()
    assert not MallSettings.objects.exists()


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (FirstPerson("mina", "short"), "password"),
        (FirstPerson("", MINA.password), "username"),
        (FirstPerson("mina w", MINA.password), "username"),
        (FirstPerson("mina", MINA.password, email="nowhere"), "email"),
    ],
)
def test_a_person_who_cannot_be_is_refused_by_the_field(person: FirstPerson, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        mall.set_up(BERLIN, person, at=NOW)

    assert refusal.value.code == code
    assert staff.nobody_yet()


@pytest.mark.parametrize("week", [[], [(8, 0, 60)], [(1, 60, 60)], [(1, 0, 1441)]])
def test_hours_that_are_none_are_refused(week: list[tuple[int, int, int]]) -> None:
    with pytest.raises(Invalid) as refusal:
        mall.set_up(BERLIN, MINA, at=NOW, week=week)

    assert refusal.value.code == "hours"


def test_an_unknown_country_has_no_holidays() -> None:
    with pytest.raises(Invalid) as refusal:
        mall.set_up(BERLIN, MINA, at=NOW, country="ZZ")

    assert refusal.value.code == "country"


def all_at_once(people: int) -> list[str]:
    """How each of so many who set up at the same moment fared."""
    start, outcomes = threading.Barrier(people), []

    def move_in(n: int) -> None:
        try:
            start.wait(30)
            mall.set_up(BERLIN, FirstPerson(f"mina{n}", MINA.password), at=NOW)
            outcomes.append("in")
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=move_in, args=[n]) for n in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_of_several_who_set_up_at_once_one_succeeds() -> None:
    assert all_at_once(4) == ["in", "set_up_already", "set_up_already", "set_up_already"]
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_there_would_be_two(monkeypatch: pytest.MonkeyPatch) -> None:
    both_have_looked, look = threading.Barrier(2), mall._refuse_late

    def look_and_wait() -> None:
        look()
        both_have_looked.wait(30)

    monkeypatch.setattr(mall.locks, "hold", lambda *names: None)
    monkeypatch.setattr(mall, "_refuse_late", look_and_wait)
    # The rows behind the facts have keys of their own, which would end one of the two; the people have not.
    monkeypatch.setattr(mall.defaults, "install", lambda **options: True)
    monkeypatch.setattr(mall.simulation, "newest", lambda: True)

    all_at_once(2)

    assert User.objects.count() == 2


def test_a_change_is_followed_at_once_and_on_record(
    make_user: MakeUser, django_capture_on_commit_callbacks: Any
) -> None:
    mina = mall.set_up(BERLIN, MINA, at=NOW)

    with django_capture_on_commit_callbacks(execute=True):
        mall.change({"name": "Kaufhaus Tokio", "time_zone": "Asia/Tokyo"}, by=mina, at=NOW)

    assert facts_of_mall.facts().name == "Kaufhaus Tokio"
    assert periods.mall_day(datetime(2026, 11, 17, 15, tzinfo=UTC)).isoformat() == "2026-11-18"
    [line] = AuditEntry.objects.filter(action="mall.changed")
    assert line.detail == {
        "name": ["Kaufhaus Berlin", "Kaufhaus Tokio"],
        "time_zone": ["Europe/Berlin", "Asia/Tokyo"],
    }
    mall.change({"name": " Kaufhaus Tokio "}, by=mina, at=NOW)
    assert AuditEntry.objects.filter(action="mall.changed").count() == 1


def test_a_mall_of_the_environment_gets_its_row_by_the_first_change(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    assert facts_of_mall.facts() == facts_of_mall.of_environment()

    row = mall.change({"language": "zh-hans"}, by=admin, at=NOW)

    assert (row.name, row.currency, row.time_zone, row.language) == ("Laoke", "CNY", "Asia/Shanghai", "zh-hans")


def test_the_currency_of_orders_stays(make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    mall.change({"currency": "EUR"}, by=admin, at=NOW)
    make_order(make_customer())

    with pytest.raises(DomainError) as refusal:
        mall.change({"currency": "USD"}, by=admin, at=NOW)

    assert refusal.value.code == "currency_in_use"


def test_there_is_one_mall() -> None:
    mall.set_up(BERLIN, MINA, at=NOW)

    with pytest.raises(IntegrityError, match="only_one_mall"), transaction.atomic():
        MallSettings.objects.create(pk=2, **vars(BERLIN), set_up_at=NOW, changed_at=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_change_elsewhere_is_followed_and_within_a_transaction_the_mall_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mall.set_up(BERLIN, MINA, at=NOW)
    assert facts_of_mall.facts() == BERLIN
    monkeypatch.setattr(facts_of_mall, "READ_AGAIN_SECONDS", 0.0)

    MallSettings.objects.update(name="Elsewhere")  # by another process

    with transaction.atomic():
        assert facts_of_mall.facts() == BERLIN
    assert facts_of_mall.facts().name == "Elsewhere"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mall.set_up(BERLIN, MINA, at=NOW)
    assert facts_of_mall.facts() == BERLIN
    monkeypatch.setattr(facts_of_mall, "READ_AGAIN_SECONDS", 0.0)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE mall_mallsettings RENAME TO elsewhere")
    try:
        assert facts_of_mall.facts() == BERLIN
        assert User.objects.count() == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO mall_mallsettings")
