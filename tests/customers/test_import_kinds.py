"""Files of customers, products and refunds: what goes in, what waits, what comes out again."""

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from core.accounts.models import Role
from core.lib.almanac.days import LifeDay
from core.lib.errors import DomainError
from crm.flows import arrival
from customers import contact_points
from customers.identity import CustomerRef
from customers.imports import fields, plan
from customers.imports import runs as imports
from customers.imports.choices import Choices
from customers.imports.kinds import birthdays, work
from customers.models import Customer, CustomerChange, Import, ImportRecord, Order, Product, Refund, Standing
from customers.record import fields as custom_fields
from customers.record import goods, writing
from customers.record.facts import Facts
from customers.refunds import RefundFact
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser, RecordOrder

pytestmark = pytest.mark.django_db

MEMBERS = """会员编号,姓名,手机号,备用手机,邮箱,省份,城市,详细地址,生日,是否农历,注册时间,兴趣,备注,客户经理
c-1,李雷,138 0013 8000,139 0013 9000,lilei@qq.com,浙江,杭州,文三路 1 号,1985-02-30,1,2024-03-01 10:00,茶;瓷器,老客户,Mina
c-2,韩梅梅,-,,,上海,上海,,05-12,0,2024-04-01,,,
匿名,,137 0013 7000,,,,,,,,,,,
"""


def upload(text: str, kind: str = "", source: str = "shop", by: Any = None) -> Import:
    choices = Choices(kind=kind)
    return imports.upload("file.csv", text.encode(), source=source, by=by, at=NOW, choices=choices)


def go(text: str, kind: str = "", by: Any = None) -> Import:
    return arrival.file(upload(text, kind, by=by), by=by, at=NOW, today=TODAY)


def counts(run: Import) -> dict[str, int]:
    return {name: run.counts[name] for name in ("created", "updated", "unchanged", "asked", "rejected")}


def noted(run: Import) -> list[tuple[int, str]]:
    return list(run.notes.order_by("line_number", "code").values_list("line_number", "code"))


def numbers(
    created: int = 0, updated: int = 0, unchanged: int = 0, asked: int = 0, rejected: int = 0
) -> dict[str, int]:
    return {
        "created": created,
        "updated": updated,
        "unchanged": unchanged,
        "asked": asked,
        "rejected": rejected,
    }


def person(external_id: str) -> Customer:
    return Customer.objects.get(identities__source="shop", identities__external_id=external_id)


# Customers ----------------------------------------------------------------------------------------------------------


def test_a_file_of_members_puts_people_on_record_who_have_not_bought(make_user: MakeUser) -> None:
    mina = make_user(name="Mina")

    run = go(MEMBERS)

    assert (run.kind, counts(run)) == ("customers", numbers(created=3))
    li_lei = person("c-1")
    assert (li_lei.name, li_lei.region, li_lei.city, li_lei.notes) == ("李雷", "浙江", "杭州", "老客户")
    assert li_lei.birthday == LifeDay(2, 30, 1985, is_lunar=True)
    assert (li_lei.registered_on, li_lei.interests) == (date(2024, 3, 1), ["茶", "瓷器"])
    assert (li_lei.manager, Standing.objects.get(customer=li_lei).manager) == (mina, mina)
    points = li_lei.contact_points.order_by("pk").values_list("kind", "mask")
    assert list(points) == [
        ("phone", "138****8000"),
        ("phone", "139****9000"),
        ("email", "l***@qq.com"),
        ("address", "浙江****"),
    ] or [kind for kind, _mask in points] == ["phone", "phone", "email", "address"]
    assert (person("c-2").birthday, person("c-2").manager) == (LifeDay(5, 12), None)
    assert Customer.objects.filter(identities=None).count() == 1
    assert [row.door for row in CustomerChange.objects.filter(customer=li_lei)] == ["file"]


def test_the_check_says_exactly_what_the_run_does_also_of_people_who_stand_in_two_rows() -> None:
    twice = (
        "会员编号,姓名,手机号,城市,注册时间\n"
        "c-1,李雷,13800138000,杭州,2024-01-01\nc-1,李雷,13900139000,上海,2024-01-01\n,李雷,13900139000,,\n"
    )
    run = upload(twice)

    arrival.check_file(run, at=NOW, today=TODAY)
    planned = dict(run.counts)

    assert (Customer.objects.count(), counts(run)) == (0, numbers(created=1, updated=1, unchanged=1))
    done = arrival.file(run, by=None, at=NOW, today=TODAY)
    assert (done.counts, person("c-1").city) == (planned, "上海")


def test_the_same_file_again_changes_nothing() -> None:
    go(MEMBERS)
    before = list(Customer.objects.order_by("pk").values())

    run = go(MEMBERS)

    assert counts(run) == numbers(unchanged=3)
    assert list(Customer.objects.order_by("pk").values()) == before
    assert not ImportRecord.objects.filter(run=run).exists()


def test_what_cannot_be_used_is_left_out_and_noted_and_the_person_goes_in() -> None:
    run = go(
        "会员号,姓名,手机号,邮箱,生日,注册时间,客户经理\n"
        "c-1,李*,138****8000,无,1985-13-45,2062-01-01,Zhao\n"
        "c-2,韩梅梅,1.38E+10,a@b,保密,,\n"
    )

    assert counts(run) == numbers(created=2)
    assert noted(run) == [
        (2, "birthday_unknown"),
        (2, "manager_unknown"),
        (2, "name_masked"),
        (2, "phone_masked"),
        (2, "registered_unknown"),
        (3, "email_invalid"),
        (3, "phone_damaged"),
    ]
    assert person("c-1").name == ""


def test_a_row_of_nobody_is_refused_with_a_sentence() -> None:
    run = go("会员号,姓名,手机号,生日\n匿名,无,-,\n0,张三,123,\n")

    assert counts(run) == numbers(rejected=2)
    assert [row.reason for row in run.rejected.order_by("line_number")] == [
        "Neither customer nor phone is given.",
        "Nobody can be recognised: the customer id, phone or e-mail cannot be used.",
    ]


def test_a_blank_cell_says_nothing(make_customer: MakeCustomer) -> None:
    make_customer(external_id="c-1", city="杭州")

    run = go("会员号,姓名,城市,生日\nc-1,,,\n")

    assert (counts(run), person("c-1").city, person("c-1").name) == (numbers(unchanged=1), "杭州", "李雷")


def test_what_a_person_wrote_here_waits_for_a_yes_and_the_rest_goes_in(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    lead = make_user(Role.TEAM_LEAD)
    customer = make_customer(external_id="c-1")
    writing.correct(customer, Facts(city="苏州"), by=lead, at=NOW, today=TODAY)
    text = "会员号,姓名,城市,省份,生日\nc-1,李雷,杭州,浙江,1985-05-01\n"

    run = go(text)

    question = run.questions.get()
    assert (counts(run), question.asks) == (numbers(asked=1), ["typed"])
    assert (question.before["fields"], question.after["fields"]) == ({"city": "苏州"}, {"city": "杭州"})
    assert (person("c-1").city, person("c-1").region, person("c-1").birthday) == ("苏州", "浙江", LifeDay(5, 1, 1985))
    plan.answer(run, yes=True, by=lead, at=NOW, all_=True)
    run = Import.objects.get(pk=run.pk)
    arrival.file(run, by=lead, at=NOW, today=TODAY)
    assert (person("c-1").city, counts(run), run.questions.get().answer) == ("杭州", numbers(updated=1), "done")
    arrival.file(run, by=lead, at=NOW, today=TODAY)
    assert counts(run) == numbers(updated=1)


def test_a_no_keeps_what_a_person_wrote(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    lead = make_user(Role.TEAM_LEAD)
    writing.correct(make_customer(external_id="c-1"), Facts(city="苏州"), by=lead, at=NOW, today=TODAY)
    run = go("会员号,姓名,城市,生日\nc-1,李雷,杭州,\n")

    plan.answer(run, yes=False, by=lead, at=NOW, all_=True)
    arrival.file(run, by=lead, at=NOW, today=TODAY)

    assert (person("c-1").city, counts(run)) == ("苏州", numbers(unchanged=1))


def test_what_the_shop_told_by_its_own_calls_waits_too_and_what_a_file_told_does_not(make_user: MakeUser) -> None:
    writing.put("shop", "c-1", Facts(name="李雷", city="苏州"), by=None, at=NOW, today=TODAY)
    go("会员号,姓名,城市,生日\nc-2,韩梅梅,苏州,\n")

    run = go("会员号,姓名,城市,生日\nc-1,李雷,杭州,\nc-2,韩梅梅,杭州,\n")

    assert (counts(run), run.questions.get().asks) == (numbers(asked=1, updated=1), ["shop"])
    assert (person("c-1").city, person("c-2").city) == ("苏州", "杭州")


def test_people_are_recognised_as_an_order_of_theirs_would_be(make_customer: MakeCustomer) -> None:
    by_phone = make_customer("李雷", phone="13800138000", source="till", external_id="t-1")
    make_customer("甲", phone="13700137000", source="till", external_id="t-2")
    make_customer("乙", phone="13700137000", source="till", external_id="t-3")

    run = go("会员号,手机号,生日\nc-1,13800138000,\nc-2,13800138000,\n,13700137000,\n")

    assert person("c-1") == by_phone
    assert person("c-2") != by_phone
    assert (counts(run), run.rejected.get().line_number) == (numbers(created=1, updated=1, rejected=1), 4)


def test_own_fields_of_the_mall_are_columns_by_their_names(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    size = custom_fields.define(name="鞋码", kind="number", by=admin, at=NOW)
    taste = custom_fields.define(name="口味", kind="choice", choices=["淡", "浓"], by=admin, at=NOW)

    run = go("会员号,姓名,生日,鞋码,口味\nc-1,李雷,,42.0,浓\nc-2,韩梅梅,,大,咸\n")

    assert person("c-1").custom == {size.key: "42", taste.key: "浓"}
    assert (person("c-2").custom, noted(run)) == ({}, [(3, "custom_unknown"), (3, "custom_unknown")])


def test_the_book_of_a_manager_in_one_file_warns_when_it_is_full(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    mina = make_user(name="Mina", capacity=1)
    make_user(name="Bo")
    make_customer(external_id="c-3", manager=make_user(name="Cai"))

    run = go("会员号,姓名,客户经理\nc-1,李雷,mina\nc-2,韩梅梅,Mina\nc-3,李雷,Bo\n")

    assert set(mina.book.values_list("name", flat=True)) == {"李雷", "韩梅梅"}
    assert noted(run) == [(3, "manager_full")]
    assert (counts(run), person("c-3").manager.full_name) == (numbers(created=2, asked=1), "Cai")


@pytest.mark.parametrize(
    ("text", "calendar", "order", "birthday"),
    [
        ("1985-05-01", "", "", LifeDay(5, 1, 1985)),
        ("1985年5月1日", "", "", LifeDay(5, 1, 1985)),
        ("19850501", "", "", LifeDay(5, 1, 1985)),
        ("1985/5/1 00:00:00", "", "", LifeDay(5, 1, 1985)),
        ("05-01", "", "", LifeDay(5, 1)),
        ("5月1日", "公历", "", LifeDay(5, 1)),
        ("--0501", "", "", LifeDay(5, 1)),
        ("0000-05-01", "", "", LifeDay(5, 1)),
        ("1604-05-01", "", "", LifeDay(5, 1)),
        ("01/05/1985", "", "dmy", LifeDay(5, 1, 1985)),
        ("05/01/1985", "", "mdy", LifeDay(5, 1, 1985)),
        ("31/05/1985", "", "", LifeDay(5, 31, 1985)),
        ("05/31/85", "", "", LifeDay(5, 31, 1985)),
        ("May 1, 1948", "", "", LifeDay(5, 1, 1948)),
        ("农历1985-02-30", "", "", LifeDay(2, 30, 1985, is_lunar=True)),
        ("1985-02-30(农历)", "", "", LifeDay(2, 30, 1985, is_lunar=True)),
        ("02-30", "1", "", LifeDay(2, 30, is_lunar=True)),
        ("1985-05-01", "农历", "", LifeDay(5, 1, 1985, is_lunar=True)),
        ("1985-05-01", "0", "", LifeDay(5, 1, 1985)),
        ("八月十五", "", "", LifeDay(8, 15, is_lunar=True)),
        ("1985年腊月廿三", "", "", LifeDay(12, 23, 1985, is_lunar=True)),
        ("正月初一", "", "", LifeDay(1, 1, is_lunar=True)),
        ("0000-00-00", "", "", None),
        ("保密", "", "", None),
    ],
)
def test_birthdays_as_shops_write_them(text: str, calendar: str, order: str, birthday: LifeDay | None) -> None:
    assert birthdays.read(text, calendar, order) == birthday


def test_undone_people_it_made_are_gone_and_fields_it_changed_say_what_they_said(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    lead, mina = make_user(Role.TEAM_LEAD), make_user(name="Mina")
    known = make_customer(external_id="c-2", name="小韩", city="苏州", interests=["书"])
    run = go(MEMBERS)
    assert person("c-2").city == "上海"

    arrival.undo_file(run, by=lead, at=NOW, today=TODAY)

    assert (run.state, run.undone) == ("undone", {"removed": 2, "restored": 1, "kept": 0})
    assert list(Customer.objects.values_list("pk", "name", "city", "region", "life_dates__month")) == [
        (known.pk, "小韩", "苏州", "", None)
    ]
    assert mina.book.count() == 0
    assert not run.records.exists()
    assert CustomerChange.objects.filter(customer=known, field="city").order_by("pk").last().after == "苏州"


def test_undoing_leaves_whom_somebody_knows_otherwise_by_now(record_order: RecordOrder, make_user: MakeUser) -> None:
    lead = make_user(Role.TEAM_LEAD)
    run = go("会员号,姓名,城市,生日\nc-1,李雷,杭州,\nc-2,韩梅梅,杭州,\nc-3,小王,杭州,\n")
    record_order(customer=CustomerRef(source="shop", external_id="c-1"))
    writing.correct(person("c-2"), Facts(notes="打过电话"), by=lead, at=NOW, today=TODAY)

    arrival.undo_file(run, by=lead, at=NOW, today=TODAY)

    assert set(Customer.objects.values_list("name", flat=True)) == {"李雷", "韩梅梅"}
    assert run.undone == {"removed": 1, "restored": 0, "kept": 2}


def test_undoing_does_not_undo_what_a_person_has_written_since(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    lead = make_user(Role.TEAM_LEAD)
    make_customer(external_id="c-1", city="", region="")
    run = go("会员号,姓名,城市,省份,手机号,生日\nc-1,李雷,杭州,浙江,13800138000,\n")
    writing.correct(person("c-1"), Facts(city="宁波"), by=lead, at=NOW, today=TODAY)

    arrival.undo_file(run, by=lead, at=NOW, today=TODAY)

    assert (person("c-1").city, person("c-1").region) == ("宁波", "")
    assert contact_points.find("phone", "13800138000") == []


def test_after_seven_days_a_file_of_customers_stays() -> None:
    run = go(MEMBERS)
    assert run.undo_until is not None

    with pytest.raises(DomainError, match="seven days"):
        arrival.undo_file(run, by=None, at=run.undo_until, today=TODAY)


# Products -----------------------------------------------------------------------------------------------------------

GOODS = """商品编码,商品名称,分类,售价,成本价,主图链接
T-1,龙井,茶,¥128.00,60,https://mall.example/t1.jpg
T-2,盖碗,器,88,"",http://mall.example/t2.jpg
"""


def test_a_file_of_products_tells_category_price_cost_and_picture() -> None:
    run = go(GOODS)

    assert (run.kind, counts(run), noted(run)) == ("products", numbers(created=2), [(3, "picture_not_https")])
    tea = Product.objects.select_related("category").get(external_id="T-1")
    assert (tea.name, tea.category and tea.category.name) == ("龙井", "茶")
    assert (tea.price, tea.cost, tea.picture) == (Decimal("128.00"), Decimal("60.00"), "https://mall.example/t1.jpg")
    assert counts(go(GOODS)) == numbers(unchanged=2)


def test_what_somebody_wrote_of_a_product_stays(make_user: MakeUser) -> None:
    go(GOODS)
    lead = make_user(Role.TEAM_LEAD)
    tea = Product.objects.get(external_id="T-1")
    goods.change(tea, {"name": "西湖龙井", "price": Decimal(150)}, by=lead, at=NOW)

    run = go(GOODS.replace(",60,", ",65,"))

    tea.refresh_from_db()
    assert (tea.name, tea.price, tea.cost) == ("西湖龙井", Decimal("150.00"), Decimal("65.00"))
    assert (2, "by_hand") in noted(run)


def test_a_file_of_products_is_planned_and_undone(record_order: RecordOrder) -> None:
    go(GOODS)
    run = upload(GOODS.replace("¥128.00", "138") + "T-3,茶盘,器,300,,\nT-3,茶盘,器,310,,\n")

    arrival.check_file(run, at=NOW, today=TODAY)
    assert counts(run) == numbers(created=1, updated=2, unchanged=1)
    arrival.file(run, by=None, at=NOW, today=TODAY)
    assert counts(run) == numbers(created=1, updated=2, unchanged=1)
    arrival.undo_file(run, by=None, at=NOW, today=TODAY)

    assert dict(Product.objects.values_list("external_id", "price")) == {"T-1": Decimal(128), "T-2": Decimal(88)}


# Refunds ------------------------------------------------------------------------------------------------------------

BACK = """订单号,退款编号,退款金额,退款完成时间,退款状态
A-1,R-1,30.00,2026-11-10 09:00,退款成功
A-1,R-2,20,2026-11-11 09:00,退款关闭
A-1,R-3,20,2026-11-12 09:00,退款中
A-9,R-4,20,2026-11-12 09:00,退款成功
"""


def test_refunds_that_were_paid_out_go_in_and_others_are_noted(record_order: RecordOrder) -> None:
    record_order(external_id="A-1", paid=Decimal(100))

    run = go(BACK)

    assert (run.kind, counts(run)) == ("refunds", numbers(created=1, unchanged=2, rejected=1))
    assert noted(run) == [(3, "refund_closed"), (4, "refund_open")]
    assert [row.reason for row in run.rejected.all()] == [
        "There is no order A-9 of this source. Import its orders first."
    ]
    assert list(Refund.objects.values_list("external_id", "amount", "profit_effect")) == [("R-1", 30, -30)]
    assert counts(go(BACK)) == numbers(unchanged=3, rejected=1)


def test_more_than_was_paid_is_refused_and_all_of_it_closes_the_order(record_order: RecordOrder) -> None:
    record_order(external_id="A-1", paid=Decimal(100))

    run = go("订单号,退款单号,退款金额,退款时间\nA-1,R-1,100,2026-11-10\nA-1,R-2,0.01,2026-11-10\n")

    assert (counts(run), Refund.objects.count()) == (numbers(created=1, rejected=1), 1)
    assert Order.objects.get(external_id="A-1").fully_refunded_on == date(2026, 11, 10)
    assert "More would have gone back" in run.rejected.get().reason


def test_without_ids_the_same_file_again_changes_nothing_and_two_alike_are_two(record_order: RecordOrder) -> None:
    record_order(external_id="A-1", paid=Decimal(100))
    text = "原订单号,退款金额,退款时间\nA-1,-10,2026-11-10 09:00\nA-1,10,2026-11-10 09:00\nA-1,15,\n"

    first, second = go(text, "refunds"), go(text, "refunds")

    assert (counts(first), counts(second)) == (numbers(created=3), numbers(unchanged=3))
    assert sorted(Refund.objects.values_list("amount", flat=True)) == [10, 10, 15]


def test_a_refund_that_the_shop_has_told_under_its_own_id_is_not_counted_twice(record_order: RecordOrder) -> None:
    record_order(external_id="A-1", paid=Decimal(100), refunds=(RefundFact("own-1", Decimal(10), NOW),))

    run = go("订单号,退款金额,退款时间\nA-1,10,2026-11-17 09:00\n", "refunds")

    assert (counts(run), Refund.objects.count()) == (numbers(unchanged=1), 1)


def test_single_refunds_take_the_place_of_the_sum_that_a_file_of_orders_told() -> None:
    orders = "订单号,会员编号,下单时间,实付金额,退款金额\nA-1,c-1,2026-11-01,100,30\n"
    go(orders)
    assert [str(row.amount) for row in Refund.objects.all()] == ["30.00"]

    go("订单号,退款单号,退款金额,退款时间\nA-1,R-1,10,2026-11-10\nA-1,R-2,20,2026-11-11\n")

    assert sorted(Refund.objects.values_list("external_id", flat=True)) == ["R-1", "R-2"]
    assert counts(go(orders)) == numbers(unchanged=1)


def test_another_amount_of_a_known_refund_waits_for_a_yes(record_order: RecordOrder) -> None:
    record_order(external_id="A-1", paid=Decimal(100))
    go("订单号,退款单号,退款金额,退款时间\nA-1,R-1,10,2026-11-10\n")

    run = go("订单号,退款单号,退款金额,退款时间\nA-1,R-1,20,2026-11-10\n")

    assert (counts(run), Refund.objects.get().amount) == (numbers(asked=1), 10)
    plan.answer(run, yes=True, by=None, at=NOW, all_=True)
    arrival.file(Import.objects.get(pk=run.pk), by=None, at=NOW, today=TODAY)
    assert Refund.objects.get().amount == 20


def test_a_file_of_refunds_is_undone_and_the_next_word_of_the_shop_counts(record_order: RecordOrder) -> None:
    order = record_order(external_id="A-1", paid=Decimal(100)).order
    run = go(BACK)

    arrival.undo_file(run, by=None, at=NOW, today=TODAY)

    order.refresh_from_db()
    assert (Refund.objects.count(), order.version, order.import_run) == (0, 1, None)
    go(BACK)
    record_order(external_id="A-1", paid=Decimal(100), version=2)
    assert Refund.objects.count() == 0


# What a file is of --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        ("订单号,下单时间,实付金额,手机号", ["orders"]),
        ("Customer ID,First Name,Last Name,Email,Phone,Total Spent,Total Orders,Note,Tags", ["customers"]),
        ("昵称,手机号,生日,注册时间,积分", ["customers"]),
        ("username,email,first_name,last_name,billing_phone", ["customers"]),
        ("Handle,Title,Type,Variant SKU,Variant Price,Cost per item,Image Src", ["products"]),
        ("商品编码,商品名称,售价", ["products"]),
        ("订单编号,退款编号,买家会员名,买家退款金额,退款状态,退款完结时间", ["refunds"]),
        ("Order Number,Refund ID,Refund Amount,Refund Date", ["refunds"]),
        ("会员号,手机号,日期,金额,生日,注册时间", ["orders", "customers"]),
        ("甲,乙,丙", []),
    ],
)
def test_the_names_of_the_columns_say_what_a_file_is_of(names: str, kinds: list[str]) -> None:
    assert fields.kinds_of(names.split(",")) == kinds


def test_where_they_do_not_a_person_says_it_once_for_the_source() -> None:
    text = "会员号,手机号,日期,金额,生日,注册时间\nc-1,13800138000,2026-11-01,10,1985-05-01,2024-01-01\n"
    run = upload(text)
    assert (run.kind, imports.findings(run).kinds) == ("orders", ["orders", "customers"])

    imports.treat_as(run, "customers")
    arrival.file(run, by=None, at=NOW, today=TODAY)

    assert (run.counts["created"], upload(text).kind, imports.findings(upload(text)).kinds) == (1, "customers", [])


# Many rows at once ----------------------------------------------------------------------------------------------------


def any_people(rng: random.Random, rows: int) -> str:
    """A file in which ids, phones and e-mails come again, of people who are known and who are not."""
    columns: list[Callable[[], str]] = [
        lambda: rng.choice(["", f"c-{rng.randrange(12)}"]),
        lambda: rng.choice(["", "李雷", "韩梅梅", "Ann Lee"]),
        lambda: rng.choice(["", "12", f"138001380{rng.randrange(14):02}"]),
        lambda: rng.choice(["", f"p{rng.randrange(10)}@example.com"]),
        lambda: rng.choice(["", "杭州", "上海"]),
        lambda: rng.choice(["", "05-12", "1985-02-03"]),
        lambda: rng.choice(["", "茶", "茶;瓷器", "书"]),
        lambda: rng.choice(["", "老客户", 'says ""hi"" \\ there']),
    ]
    drawn = [",".join(draw() for draw in columns) for _row in range(rows)]
    return "\n".join(["会员编号,姓名,手机号,邮箱,城市,生日,兴趣,备注", *drawn])


def any_goods(rng: random.Random, rows: int) -> str:
    columns: list[Callable[[], str]] = [
        lambda: f"P{rng.randrange(15)}",
        lambda: rng.choice(["", "绿茶", "Red tea"]),
        lambda: rng.choice(["", "茶", "瓷器"]),
        lambda: rng.choice(["", "12.50", "13", "free"]),
        lambda: rng.choice(["", "5.5"]),
        lambda: rng.choice(["", "https://a.example/1.jpg", "http://a.example/1.jpg"]),
    ]
    drawn = [",".join(draw() for draw in columns) for _row in range(rows)]
    return "\n".join(["商品编号,商品名称,类目,价格,成本,图片", *drawn])


def everything() -> list[Any]:
    """What is on record, without the numbers that count up."""
    people = [
        (
            [
                getattr(c, name)
                for name in ("name", "name_pinyin", "name_grams", "city", "interests", "notes", "custom")
            ],
            c.birthday,
            sorted(c.identities.values_list("source", "external_id")),
            sorted(c.contact_points.values_list("kind", "mask", "added_at", "retired")),
            Standing.objects.filter(customer=c).count(),
        )
        for c in Customer.objects.order_by("pk")
    ]
    products = Product.objects.order_by("pk").values_list(
        "external_id", "name", "category__name", "price", "cost", "picture"
    )
    return [people, list(products)]


@pytest.mark.parametrize(("kind", "draw"), [("customers", any_people), ("products", any_goods)])
def test_many_rows_at_once_do_what_they_do_one_by_one(
    kind: str, draw: Any, monkeypatch: pytest.MonkeyPatch, make_user: MakeUser
) -> None:
    mina = make_user(name="Mina")
    for seed in range(4):
        rng = random.Random(seed)
        before, told = draw(rng, 12), draw(rng, 40)
        ends = []
        for size in (1, 7, 500):
            monkeypatch.setattr(work, "BATCH", size)
            with transaction.atomic():
                writing.create(Facts(name="王芳", phones=("13800138001",), notes="typed"), by=mina, at=NOW, today=TODAY)
                go(before, kind)
                run = upload(told, kind)
                planned = counts(work.check(run, at=NOW, today=TODAY))
                arrival.file(run, by=None, at=NOW, today=TODAY)
                assert counts(run) == planned, (seed, size)
                questions = list(run.questions.order_by("line_number").values_list("line_number", "asks"))
                refused = list(run.rejected.order_by("line_number").values_list("line_number", "reason"))
                ends.append([counts(run), noted(run), questions, refused, everything()])
                transaction.set_rollback(True)
        assert ends[0] == ends[1] == ends[2], seed


# The plan is what happens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "told", "meanwhile"),
    [
        ("customers", "会员编号,姓名,城市\nc-1,李雷,杭州\nc-2,韩梅梅,上海\n", "会员编号,姓名\nc-1,林涛\n"),
        ("products", "商品编号,商品名称,价格\nP1,绿茶,12.50\nP2,红茶,13\n", "商品编号,商品名称\nP1,白茶\n"),
        ("refunds", "订单编号,退款编号,退款金额\n1,r1,5\n2,r2,6\n", "订单编号,退款编号,退款金额\n1,r0,7\n"),
    ],
)
def test_what_has_changed_since_the_check_is_asked_about_and_not_done(
    kind: str, told: str, meanwhile: str, record_order: RecordOrder
) -> None:
    for number in ("1", "2"):
        record_order(CustomerRef(source="shop", external_id=f"b-{number}"), source="shop", external_id=number)
    run = upload(told, kind)
    planned = counts(work.check(run, at=NOW, today=TODAY))
    assert (planned["created"], run.plan.seen and planned["asked"]) == (2, 0)
    go(meanwhile, kind)
    says: dict[str, Callable[[], Any]] = {
        "customers": lambda: person("c-1").name,
        "products": lambda: Product.objects.get(external_id="P1").name,
        "refunds": lambda: Refund.objects.filter(order__external_id="1").count(),
    }
    before = says[kind]()

    arrival.file(run, by=None, at=NOW, today=TODAY)

    assert (counts(run)["created"], counts(run)["asked"]) == (1, 1)
    assert [(row.line_number, row.asks) for row in run.questions.all()] == [(2, ["changed"])]
    assert says[kind]() == before

    plan.answer(run, yes=True, by=None, at=NOW, all_=True)
    arrival.file(run, by=None, at=NOW, today=TODAY)

    assert (counts(run)["asked"], counts(run)["rejected"]) == (0, 0)
    assert plan.questions(run).count() == 0
    assert says[kind]() != before


def test_why_money_went_back_is_kept_whatever_the_shop_says_of_the_order_later(record_order: RecordOrder) -> None:
    who = CustomerRef(source="shop", external_id="b-1")
    back = RefundFact("r1", Decimal(5), NOW)
    record_order(who, source="shop", external_id="1", refunds=(back,))
    run = go("订单编号,退款编号,退款金额,退款原因\n1,r1,5,尺码不合\n1,r2,6,-\n", "refunds")
    assert counts(run) == numbers(created=1, updated=1)
    assert list(Refund.objects.order_by("external_id").values_list("reason", flat=True)) == ["尺码不合", ""]

    record_order(who, source="shop", external_id="1", version=2, refunds=(back, RefundFact("r2", Decimal(6), NOW)))
    assert list(Refund.objects.order_by("external_id").values_list("reason", flat=True)) == ["尺码不合", ""]


def test_undone_with_its_file_a_reason_is_gone(record_order: RecordOrder) -> None:
    who = CustomerRef(source="shop", external_id="b-1")
    record_order(who, source="shop", external_id="1", refunds=(RefundFact("r1", Decimal(5), NOW),))
    run = go("订单编号,退款编号,退款金额,退款原因\n1,r1,5,尺码不合\n", "refunds")

    arrival.undo_file(run, by=None, at=NOW, today=TODAY)

    assert Refund.objects.values_list("external_id", "reason").get() == ("r1", "")
