"""The record is written: what is told is stored, what is not told stays, and what it said before is kept."""

from collections import Counter
from datetime import date, timedelta

import pytest

from core.accounts.models import AuditEntry, Role, User
from core.lib.almanac.days import LifeDay
from core.lib.errors import DomainError, Invalid, Unknown
from customers import contact_points, identity, locks
from customers.identity import CustomerRef
from customers.models import ContactPoint, Customer, CustomerChange, ExternalIdentity, Standing
from customers.record import fields, reach, writing
from customers.record.facts import Facts, UnusableContact
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


def create(by: User, **told: object) -> Customer:
    return writing.create(Facts(**told), by=by, at=NOW, today=TODAY).customer  # type: ignore[arg-type]


def correct(customer: Customer, by: User | None, **told: object) -> list[str]:
    return writing.correct(customer, Facts(**told), by=by, at=NOW, today=TODAY).fields  # type: ignore[arg-type]


def put(**told: object) -> writing.Written:
    return writing.put("shop", "u-1", Facts(**told), by=None, at=NOW, today=TODAY)  # type: ignore[arg-type]


def history(customer: Customer) -> list[tuple[str, str, str]]:
    return list(customer.record_changes.order_by("pk").values_list("field", "before", "after"))


def test_somebody_who_has_not_bought_is_on_record(chen: User) -> None:
    customer = writing.create(
        Facts(name="韩梅梅", phones=("138 0013 8000",), emails=("Han@Example.com",), interests=("茶", "茶", " 瓷器 ")),
        by=chen,
        at=NOW,
        today=TODAY,
        manager=chen,
    ).customer

    customer.refresh_from_db()
    assert (customer.name, customer.interests, customer.registered_on) == ("韩梅梅", ["茶", "瓷器"], TODAY)
    assert (customer.manager, customer.standing.manager, customer.manager_since) == (chen, chen, TODAY)
    assert sorted(customer.contact_points.values_list("kind", "mask")) == [
        ("email", "h***@example.com"),
        ("phone", "138****8000"),
    ]
    assert history(customer) == [("created", "", customer.number)]
    assert contact_points.find("phone", "13800138000") == [customer.pk]


def test_who_is_known_by_the_phone_is_said_and_may_be_made_all_the_same(chen: User) -> None:
    first = create(chen, name="李雷", phones=("13800138000",))

    with pytest.raises(writing.KnownAlready) as refusal:
        create(chen, name="李蕾", phones=("+86 138-0013-8000",))
    assert refusal.value.customer_ids == [first.pk]
    assert Customer.objects.count() == 1

    second = writing.create(
        Facts(name="李蕾", phones=("13800138000",)), by=chen, at=NOW, today=TODAY, anyway=True
    ).customer
    assert contact_points.find("phone", "13800138000") == [first.pk, second.pk]


def test_somebody_without_a_name_or_a_contact_is_nobody(chen: User) -> None:
    with pytest.raises(Invalid) as refusal:
        create(chen, city="杭州")

    assert refusal.value.code == "customer_missing"


@pytest.mark.django_db(transaction=True)
def test_two_who_create_the_same_person_at_once_create_one(make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")

    ends = at_once([lambda: create(chen, name="李雷", phones=("13800138000",))] * 2)

    assert ends == Counter({"done": 1, "known_already": 1})


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_create_two(make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    meet, made = meeting(2), identity.create

    def meet_and_create(ref: CustomerRef, *, today: date) -> Customer:
        meet()
        return made(ref, today=today)

    monkeypatch.setattr(locks, "hold", lambda *names: None)
    monkeypatch.setattr(identity, "create", meet_and_create)

    ends = at_once([lambda: create(chen, name="李雷", phones=("13800138000",))] * 2)

    assert ends == Counter({"done": 2})


@pytest.mark.django_db(transaction=True)
def test_a_source_that_tells_twice_at_once_tells_of_one_person() -> None:
    ends = at_once([lambda: put(name="李雷", phones=("13800138000",))] * 3)

    assert ends == Counter({"done": 3})
    assert Customer.objects.count() == ExternalIdentity.objects.count() == 1
    assert CustomerChange.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_correct_at_once_both_win(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    customer, chen = make_customer("李磊"), make_user(Role.ACCOUNT_MANAGER, "Chen Jing")

    ends = at_once([lambda: correct(customer, chen, name="李雷"), lambda: correct(customer, None, city="杭州")])

    customer.refresh_from_db()
    assert ends == Counter({"done": 2})
    assert (customer.name, customer.city) == ("李雷", "杭州")
    assert sorted(history(customer)) == [("city", "", "杭州"), ("name", "李磊", "李雷")]


# Correcting -----------------------------------------------------------------------------------------------------------


def test_each_change_keeps_who_when_and_what_was_before(make_customer: MakeCustomer, chen: User) -> None:
    customer = make_customer("李磊", city="杭州")

    changed = correct(customer, chen, name="李雷", notes="喜欢红茶", city="杭州")

    assert changed == ["name", "notes"]
    assert history(customer) == [("name", "李磊", "李雷"), ("notes", "", "喜欢红茶")]
    row = customer.record_changes.first()
    assert row is not None
    assert (row.by, row.at, row.door) == (chen, NOW, "page")
    entry = AuditEntry.objects.get(action=writing.EDITED)
    assert entry.detail == {"fields": ["name", "notes"]}  # what was written stays out of the trail
    customer.refresh_from_db()
    assert customer.name_pinyin == "li lei"


def test_the_same_again_leaves_no_line(make_customer: MakeCustomer, chen: User) -> None:
    customer = make_customer("李雷")
    for _twice in range(2):
        correct(customer, chen, city="杭州", phones=("13800138000",))

    assert history(customer) == [("city", "", "杭州"), ("phone", "", "138****8000")]
    assert AuditEntry.objects.filter(action=writing.EDITED).count() == 1


def test_what_is_empty_clears_and_what_is_not_told_stays(make_customer: MakeCustomer, chen: User) -> None:
    customer = make_customer("李雷", city="杭州", notes="住三楼", birthday=LifeDay(2, 3))

    correct(customer, chen, notes="", birthday=None)

    customer.refresh_from_db()
    assert (customer.city, customer.notes, customer.birthday) == ("杭州", "", None)
    assert history(customer) == [("birthday", "02-03", ""), ("notes", "住三楼", "")]


BIRTHDAYS = [
    (LifeDay(2, 3, 1980), "1980-02-03"),
    (LifeDay(2, 29), "02-29"),
    (LifeDay(2, 29, 1980), "1980-02-29"),
    (LifeDay(2, 30, is_lunar=True), "02-30"),
    (LifeDay(2, 29, 1981, is_lunar=True), "1981-02-29"),
    (LifeDay(12, 30, 2000, is_lunar=True), "2000-12-30"),
]
NO_BIRTHDAYS = [
    LifeDay(2, 30),
    LifeDay(2, 29, 1981),
    LifeDay(1, 31, is_lunar=True),
    LifeDay(13, 1),
    LifeDay(0, 1),
    LifeDay(4, 0),
    LifeDay(4, 1, 1700),
    LifeDay(4, 1, 2027),
]


@pytest.mark.parametrize(("told", "text"), BIRTHDAYS)
def test_a_birthday_is_solar_or_lunar_with_a_year_or_without(chen: User, told: LifeDay, text: str) -> None:
    customer = create(chen, name="李雷", birthday=told)

    customer.refresh_from_db()
    assert customer.birthday == told
    assert told.text == text + (" leap" if told.is_leap else " lunar" if told.is_lunar else "")


@pytest.mark.parametrize("told", NO_BIRTHDAYS)
def test_a_day_that_no_calendar_has_is_refused(chen: User, told: LifeDay) -> None:
    with pytest.raises(Invalid) as refusal:
        create(chen, name="李雷", birthday=told)

    assert refusal.value.code == "birthday_invalid"
    assert not Customer.objects.exists()


def test_nobody_is_registered_later_than_their_first_order(
    make_customer: MakeCustomer, make_order: MakeOrder, chen: User
) -> None:
    customer = make_customer("李雷")
    make_order(customer, TODAY - timedelta(days=40))

    for day in (TODAY - timedelta(days=39), TODAY + timedelta(days=1)):
        with pytest.raises(Invalid):
            correct(customer, chen, registered_on=day)
    assert correct(customer, chen, registered_on=TODAY - timedelta(days=40)) == ["registered_on"]


# The mall's own fields --------------------------------------------------------------------------------------------------


def test_the_mall_asks_its_own_questions(chen: User, make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    shoes = fields.define(name="鞋码", kind="number", by=admin, at=NOW)
    fields.define(name="Store", kind="choice", choices=["西湖", " 滨江 ", "西湖", ""], by=admin, at=NOW)
    fields.define(name="Store card since", kind="date", by=admin, at=NOW)
    customer = create(chen, name="李雷", custom={shoes.key: "42.50", "store": "滨江", "store-card-since": "2020-02-03"})

    assert shoes.key == "xie-ma"
    assert customer.custom == {"xie-ma": "42.5", "store": "滨江", "store-card-since": "2020-02-03"}
    correct(customer, chen, custom={"store": ""})
    customer.refresh_from_db()
    assert customer.custom == {"xie-ma": "42.5", "store-card-since": "2020-02-03"}
    assert history(customer)[-1] == ("custom:store", "滨江", "")


@pytest.mark.parametrize(
    ("key", "value"), [("shoes", "big"), ("shoes", "NaN"), ("since", "2020-02-30"), ("store", "北京"), ("pet", "cat")]
)
def test_what_is_no_answer_is_refused(chen: User, make_user: MakeUser, key: str, value: str) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    fields.define(name="Shoes", kind="number", by=admin, at=NOW)
    fields.define(name="Since", kind="date", by=admin, at=NOW)
    fields.define(name="Store", kind="choice", choices=["西湖"], by=admin, at=NOW)

    with pytest.raises(Invalid):
        create(chen, name="李雷", custom={key: value})


def test_a_field_out_of_use_is_not_asked_and_its_answers_stay(chen: User, make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    shoes = fields.define(name="Shoes", kind="number", by=admin, at=NOW)
    customer = create(chen, name="李雷", custom={"shoes": "42"})
    fields.change(shoes, name="Shoes", choices=[], position=1, active=False, by=admin, at=NOW)

    with pytest.raises(Invalid):
        correct(customer, chen, custom={"shoes": "43"})
    customer.refresh_from_db()
    assert customer.custom == {"shoes": "42"}
    with pytest.raises(Invalid) as refusal:
        fields.define(name="Shoes", kind="text", by=admin, at=NOW)
    assert refusal.value.code == "name_taken"


# What a source tells ----------------------------------------------------------------------------------------------------


def test_a_source_tells_of_somebody_and_tells_it_twice() -> None:
    first = put(name="李雷", phones=("13800138000",), city="杭州")
    again = put(name="李雷", phones=("13800138000",), city="杭州")

    assert (first.created, again.created, again.fields) == (True, False, [])
    assert first.customer == again.customer
    assert Standing.objects.get().customer == first.customer
    assert history(first.customer) == [("created", "", first.customer.number)]


def test_a_source_recognises_whom_another_knows_by_the_phone(make_customer: MakeCustomer) -> None:
    known = make_customer("李雷", source="till", external_id="k-1", phone="13800138000")

    written = put(phones=("13800138000",), emails=("li@example.com",), city="杭州")

    assert (written.customer, written.created) == (known, False)
    assert ExternalIdentity.objects.get(source="shop").customer == known
    assert history(known) == [("email", "", "l***@example.com"), ("city", "", "杭州")]
    assert CustomerChange.objects.first().door == "api"  # type: ignore[union-attr]


def test_an_unusable_contact_is_refused_and_says_which() -> None:
    with pytest.raises(UnusableContact) as refusal:
        put(name="李雷", phones=("12",))

    assert (refusal.value.status, refusal.value.code, refusal.value.kind) == (422, "phone_invalid", "phone")
    assert not Customer.objects.exists()


def test_only_who_was_told_before_can_be_changed_in_part(make_customer: MakeCustomer) -> None:
    customer = make_customer("李雷", source="shop", external_id="u-1", city="杭州")

    writing.patch("shop", "u-1", Facts(name="李蕾"), by=None, at=NOW, today=TODAY)
    customer.refresh_from_db()
    assert (customer.name, customer.city) == ("李蕾", "杭州")
    with pytest.raises(Unknown):
        writing.patch("shop", "u-2", Facts(name="x"), by=None, at=NOW, today=TODAY)


# How they are reached ---------------------------------------------------------------------------------------------------


def test_a_retired_number_stays_and_recognises_nobody(make_customer: MakeCustomer, chen: User) -> None:
    li_lei = make_customer("李雷", phone="13800138000")
    point = li_lei.contact_points.get()

    reach.retire(point.pk, why="old", by=chen, at=NOW)

    assert contact_points.find("phone", "13800138000") == []
    assert contact_points.find_by_last_four("8000") == []
    newcomer = identity.find_or_create(CustomerRef(source="shop", phone="13800138000", name="新主人"), today=TODAY)
    assert newcomer != li_lei
    assert li_lei.contact_points.get().mask == "138****8000"
    assert history(li_lei) == [("phone", "138****8000", "138****8000 old")]


def test_a_number_is_confirmed_preferred_and_taken_back(make_customer: MakeCustomer, chen: User) -> None:
    li_lei = make_customer("李雷", phone="13800138000")
    second = reach.add(li_lei, kind="phone", value="139 0013 9000", by=chen, at=NOW)
    first = li_lei.contact_points.exclude(pk=second.pk).get()

    reach.prefer(first.pk, by=chen, at=NOW)
    reach.prefer(second.pk, by=chen, at=NOW)
    reach.confirm(second.pk, by=chen, at=NOW)

    assert [(p.pk, p.is_preferred) for p in reach.points_of(li_lei)] == [(second.pk, True), (first.pk, False)]
    reach.retire(second.pk, why="wrong", by=chen, at=NOW)
    with pytest.raises(DomainError):
        reach.prefer(second.pk, by=chen, at=NOW)
    reach.add(li_lei, kind="phone", value="13900139000", by=chen, at=NOW)
    assert not ContactPoint.objects.exclude(retired="").exists()
    with pytest.raises(DomainError) as refusal:
        reach.add(li_lei, kind="phone", value="13900139000", by=chen, at=NOW)
    assert refusal.value.code == "contact_known"


def test_a_retired_number_can_be_taken_back(make_customer: MakeCustomer, chen: User) -> None:
    li_lei = make_customer("李雷", phone="13800138000")
    point = li_lei.contact_points.get()
    reach.retire(point.pk, why="wrong", by=chen, at=NOW)

    reach.restore(point.pk, by=chen, at=NOW)

    assert contact_points.find("phone", "13800138000") == [li_lei.pk]
