"""One person stays one customer."""

from dataclasses import replace

import pytest

from core.lib.errors import DomainError, Invalid
from customers import identity
from customers.identity import CustomerRef
from customers.models import Customer
from tests.conftest import TODAY, MakeCustomer

pytestmark = pytest.mark.django_db


def found(**told: str) -> Customer:
    return identity.find_or_create(CustomerRef(**{"source": "shop"} | told), today=TODAY)


def test_departments_that_know_one_phone_know_one_customer() -> None:
    shop = found(external_id="c-1", phone="138 0013 8000", name="李雷")
    till = found(source="till", external_id="88", phone="+86-13800138000")
    call = found(source="", phone="13800138000")

    assert shop == till == call == Customer.objects.get()
    assert sorted(shop.identities.values_list("source", "external_id")) == [("shop", "c-1"), ("till", "88")]
    assert (shop.number, shop.registered_on, shop.standing.manager) == (f"C{shop.pk:07d}", TODAY, None)


def test_two_accounts_of_one_shop_that_share_a_phone_are_two_people() -> None:
    mother, son = found(external_id="m", phone="13800138000"), found(external_id="s", phone="13800138000")

    assert mother != son
    with pytest.raises(DomainError) as refusal:
        found(phone="13800138000")
    assert refusal.value.code == "ambiguous_customer"
    assert found(number=son.number, phone="13800138000") == son


def test_what_is_known_stays_and_what_is_missing_is_filled() -> None:
    found(external_id="c-1")
    li_lei = found(external_id="c-1", name="李雷", city="杭州")
    found(external_id="c-1", name="Somebody Else", city="上海", region="浙江", email="lilei@qq.com")

    li_lei.refresh_from_db()
    assert (li_lei.name, li_lei.city, li_lei.region, li_lei.name_pinyin) == ("李雷", "杭州", "浙江", "li lei")
    assert [p.mask for p in li_lei.contact_points.all()] == ["l***@qq.com"]


def test_nobody_is_made_up_when_that_is_not_wished() -> None:
    ref = CustomerRef(source="shop", external_id="c-1", create_if_missing=False)
    for unknown in (ref, CustomerRef(number="C0000000")):
        with pytest.raises(DomainError) as refusal:
            identity.find_or_create(unknown, today=TODAY)
        assert refusal.value.code == "unknown_customer"
    with pytest.raises(Invalid):
        identity.find_or_create(replace(ref, external_id=""), today=TODAY)
    assert not Customer.objects.exists()


@pytest.mark.parametrize("query", ["李", "雷", "李雷", "lilei", "li lei", "LI", "ll", "李雷 lei"])
def test_a_chinese_name_is_found_by_characters_pinyin_and_initials(make_customer: MakeCustomer, query: str) -> None:
    li_lei = make_customer("李雷")
    make_customer("韩梅梅")

    assert list(Customer.objects.filter(name_grams__contains=identity.query_grams(query))) == [li_lei]


def test_grams() -> None:
    assert identity.name_grams("Tom O'x") == ["o", "om", "to", "x"]
    assert identity.name_grams("") == []
    assert identity.query_grams("王小明") == ["小明", "王小"]
