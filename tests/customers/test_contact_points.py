"""Numbers are found and revealed by those who may, and readable by nobody else."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from core.accounts.models import AuditEntry, Role
from core.lib.errors import DomainError, Invalid
from customers import contact_points
from customers.contact_points import Kind
from customers.models import ContactPoint
from tests.conftest import NOW, MakeCustomer, MakeUser


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "138 0013 8000",
        "+86-13800138000",
        "０１３８００１３８０００"[1:],
        "＋86 138 0013 8000",
        "0086 13800138000",
        "(138)0013-8000",
        "138\u20110013\u20118000",
        "'13800138000",
        "\u200b138\u200b00138000",
        "138.0013.8000",
    ],
)
def test_one_phone_however_it_is_written(text: str) -> None:
    assert contact_points.normalise_phone(text) == "+8613800138000"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1380013800.0", "phone_damaged"),
        ("13800138000.", "phone_damaged"),
        ("1.38E+10", "phone_damaged"),
        ("8.6e12", "phone_damaged"),
        ("123", "phone_invalid"),
        ("", "phone_invalid"),
        ("1-800-FLOWERS", "phone_invalid"),
        ("12345678901234567890", "phone_invalid"),
        ("138001380001", "phone_invalid"),
        ("\u0000", "phone_invalid"),
    ],
)
def test_what_is_no_phone_is_not_guessed(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        contact_points.normalise_phone(text)
    assert refusal.value.code == code


def test_masks_show_what_identifies_and_no_more() -> None:
    assert contact_points.mask_phone("+8613812345678") == "138****5678"
    assert contact_points.mask_phone("+14155552671") == "+1 41****2671"
    assert contact_points.mask_email("lilei@qq.com") == "l***@qq.com"
    assert contact_points.mask_address("浙江省杭州市西湖区文三路100号") == "浙江省杭州市****"
    assert contact_points.mask_address("文三路100号") == "文三****"


@pytest.mark.django_db
def test_no_clear_value_reaches_the_table(make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", phone="13812345678", email="LiLei@QQ.com")
    contact_points.add(li_lei, Kind.PHONE, "138 1234 5678")
    contact_points.add(li_lei, Kind.ADDRESS, "浙江省杭州市西湖区文三路100号")

    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text, encode(encrypted, 'escape') FROM customers_contactpoint c")
        stored = str(cursor.fetchall())
    assert ContactPoint.objects.count() == 3
    for clear in ("13812345678", "12345678", "lilei", "文三路"):
        assert clear not in stored
    assert contact_points.find(Kind.PHONE, "+86 138-1234-5678") == [li_lei.pk]
    assert contact_points.find(Kind.EMAIL, "lilei@qq.com") == [li_lei.pk]
    assert contact_points.find_by_last_four("5678") == [li_lei.pk]
    assert contact_points.find_by_last_four("1234") == []


@pytest.mark.django_db
def test_a_reveal_has_a_purpose_and_leaves_a_line(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    li_lei = make_customer("李雷", phone="13812345678", email="lilei@qq.com", manager=chen)

    with pytest.raises(Invalid):
        contact_points.reveal(li_lei, by=chen, purpose=" ", at=NOW)
    with pytest.raises(PermissionDenied):
        contact_points.reveal(li_lei, by=make_user(Role.ASSISTANT), purpose="call", at=NOW)
    assert not AuditEntry.objects.exists()

    assert contact_points.reveal(li_lei, by=chen, purpose="call", at=NOW) == [
        ("email", "lilei@qq.com"),
        ("phone", "+8613812345678"),
    ]
    line = AuditEntry.objects.get()
    assert (line.actor, line.subject_id, line.detail) == (chen, li_lei.pk, {"purpose": "call", "count": 2})


@pytest.mark.django_db
def test_reveals_are_counted(make_customer: MakeCustomer, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_points, "REVEALS_A_DAY", 2)
    chen, li_lei = make_user(Role.ACCOUNT_MANAGER), make_customer("李雷", phone="13812345678")
    for _look in range(2):
        contact_points.reveal(li_lei, by=chen, purpose="call", at=NOW)

    with pytest.raises(DomainError) as refusal:
        contact_points.reveal(li_lei, by=chen, purpose="call", at=NOW)
    assert refusal.value.code == "reveal_limit"
    assert contact_points.reveal(li_lei, by=chen, purpose="call", at=NOW + timedelta(days=1, seconds=1))
