"""Files of orders as shops really save them."""

import csv
import io
import itertools
import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone

from core.accounts.models import Role
from core.jobs import leases
from core.lib.errors import DomainError, Invalid
from customers.identity import CustomerRef
from customers.imports import runs as imports
from customers.imports import staging, waiting
from customers.models import Category, ContactPoint, Customer, Import, Order, OrderLine, Standing, Summary
from customers.orders import LineFact, mask_of
from customers.refunds import RefundFact
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser, RecordOrder

MALL_ZONE = ZoneInfo("Asia/Shanghai")
pytestmark = pytest.mark.django_db

SHOP = """订单号,会员编号,姓名,手机号,下单时间,实付金额,成本,状态,分类
A-1,c-1,李雷,138 0013 8000,2026-11-01 09:30,"1,200.50",700,已付款,茶
A-2,c-2,韩梅梅,,2026/11/2,80,,已取消,器
A-3,c-1,李雷,,20261103,20.00,5,交易成功,茶
"""


def upload(text: str | bytes, source: str = "shop", **mapping: str) -> Import:
    content = text.encode() if isinstance(text, str) else text
    run = imports.upload("orders.csv", content, source=source, by=None, at=NOW)
    if mapping:
        imports.map_columns(run, run.mapping | mapping)
    return run


def go(text: str | bytes, **mapping: str) -> dict[str, int]:
    return imports.run(upload(text, **mapping), by=None, at=NOW, today=TODAY).counts


def counts(**some: int) -> dict[str, int]:
    names = ("rows", "created", "updated", "unchanged", "stale", "asked", "guest", "rejected", "new_customers")
    return dict.fromkeys(names, 0) | some


def picture() -> list[Any]:
    return [
        list(
            Order.objects.order_by("external_id").values_list(
                "external_id", "customer__name", "status", "ordered_on", "paid", "profit", "fully_refunded_on"
            )
        ),
        list(Summary.objects.order_by("customer__name").values_list("customer__name", "purchase_days", "profit_sum")),
        list(ContactPoint.objects.order_by("id").values_list("customer__name", "mask")),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_a_chinese_export_goes_in_whatever_its_encoding(encoding: str) -> None:
    assert go(SHOP.encode(encoding)) == counts(rows=3, created=3, new_customers=2)

    li_lei = Customer.objects.get(name="李雷")
    assert (li_lei.registered_on, li_lei.name_pinyin) == (date(2026, 11, 1), "li lei")
    assert list(li_lei.orders.order_by("ordered_at").values_list("external_id", "ordered_on")) == [
        ("A-1", date(2026, 11, 1)),
        ("A-3", date(2026, 11, 3)),
    ]
    assert (str(li_lei.summary.paid_sum), str(li_lei.summary.profit_sum)) == ("1220.50", "515.50")
    assert li_lei.standing.last_on == date(2026, 11, 3)
    assert [(p.kind, p.mask) for p in li_lei.contact_points.all()] == [("phone", "138****8000")]
    assert not Summary.objects.filter(customer__name="韩梅梅").exists()
    assert OrderLine.objects.filter(product__category__name="茶").count() == 2


def workbook() -> bytes:
    """SHOP as Excel stores it: numbers, moments and a long number; an empty sheet before it."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        book.add_worksheet("说明")
        sheet = book.add_worksheet("订单")
        day, moment = (book.add_format({"num_format": shape}) for shape in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"))
        sheet.write_row(0, 0, ["订单号", "会员编号", "姓名", "手机号", "下单时间", "实付金额", "成本", "状态", "分类"])
        sheet.write_row(1, 0, [202611010001234, "c-1", "李雷", 13800138000])
        sheet.write_datetime(1, 4, datetime(2026, 11, 1, 9, 30), moment)
        sheet.write_row(1, 5, [1200.5, 700, "已付款", "茶"])
        sheet.write_row(2, 0, ["A-2", "c-2", "韩梅梅", ""])
        sheet.write_datetime(2, 4, datetime(2026, 11, 2), day)
        sheet.write_row(2, 5, [0.1 + 0.2, "", "", "器"])
    return held.getvalue()


def test_a_workbook_goes_in_by_its_first_sheet_with_rows() -> None:
    run = upload(workbook())

    assert imports.preview(run) == [
        ["202611010001234", "c-1", "李雷", "13800138000", "2026-11-01 09:30:00", "1200.5", "700", "已付款", "茶"],
        ["A-2", "c-2", "韩梅梅", "", "2026-11-02", "0.3", "", "", "器"],
    ]
    assert imports.run(run, by=None, at=NOW, today=TODAY).counts == counts(rows=2, created=2, new_customers=2)
    order = Order.objects.get(external_id="202611010001234")
    assert (order.ordered_on, order.paid) == (date(2026, 11, 1), Decimal("1200.50"))
    assert timezone.localtime(order.ordered_at, MALL_ZONE).hour == 9


def test_the_same_file_again_changes_nothing() -> None:
    go(SHOP)
    before = picture()

    assert go(SHOP) == counts(rows=3, unchanged=3)
    assert picture() == before


def test_a_check_says_what_a_run_does_and_stores_nothing() -> None:
    go(SHOP)
    changed = SHOP.replace("交易成功", "交易关闭") + "A-4,c-9,Tom,,2026-11-04,5,,,\nA-5,c-9,Tom,,never,5,,,\n"
    run = upload(changed)
    before = picture()

    assert imports.check(run, at=NOW).counts == counts(
        rows=5, created=1, updated=1, unchanged=2, rejected=1, new_customers=1
    )
    assert (picture(), run.state) == (before, "checked")
    assert not Customer.objects.filter(name="Tom").exists()

    said = dict(run.counts)
    assert imports.run(run, by=None, at=NOW, today=TODAY).counts == said
    order = Order.objects.get(external_id="A-3")
    assert (run.state, order.status, order.version, order.file_changes) == ("done", "cancelled", -1, 2)
    assert run.rejected.count() == 1  # of this pass


def test_nobody_is_registered_later_than_the_first_order_of_the_file(make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", external_id="c-1", registered_on=date(2026, 11, 2))

    go(SHOP)

    li_lei.refresh_from_db()
    assert li_lei.registered_on == date(2026, 11, 1)


def test_bad_rows_are_given_back_and_the_rest_goes_in() -> None:
    text = (
        "order_no,customer,phone,date,paid,version\n"
        "1,a,,2026-11-01,10,1\n"
        "2,a,,26/11/01,10,1\n"
        "3,a,,2026-02-30,10,1\n"
        "4,a,,2026-11-01,-1,1\n"
        "5,a,,2026-11-01,NaN,1\n"
        "6,a,,2026-11-01,1e400,1\n"
        "7,,,2026-11-01,10,1\n"
        "8,a,1380013800.0,2026-11-01,10,1\n"
        "9,a,1.38E+10,2026-11-01,10,1\n"
        ",a,,2026-11-01,10,1\n"
        "11,a,,2026-11-01,10\n"
        '12,"a,,2026-11-01,10,1\n'
        "13,=cmd,,9999-01-01,10,1\n"
        "14,b,,2026-11-01,１２.５０,x\n"
        "15,b,,2026-11-01,１２.５０,2\n"
    )
    run = imports.run(upload(text), by=None, at=NOW, today=TODAY)

    assert run.counts == counts(rows=15, created=5, guest=1, rejected=9, new_customers=2) | {"notes": 2}
    assert list(run.notes.order_by("line_number").values_list("line_number", "column", "code")) == [
        (9, "phone", "phone_invalid"),
        (10, "phone", "phone_damaged"),
    ]
    assert [(r.line_number, r.column) for r in run.rejected.order_by("line_number")] == [
        (3, "date"),
        (4, "date"),
        (6, "paid"),
        (7, "paid"),
        (11, "order_no"),
        (12, ""),
        (13, ""),
        (14, "date"),
        (15, "version"),
    ]
    told = {row[0]: row[3] for row in csv.reader(imports.rejected_csv(run).decode("utf-8-sig").splitlines())}
    assert told["13"] == '12,"a,,2026-11-01,10,1'
    assert told["3"] == "2,a,,26/11/01,10,1"


def test_refused_rows_cannot_become_formulas() -> None:
    run = imports.run(upload("customer,date,paid\n=1+1,x,1\n+2,x,1\nc,x,1\n"), by=None, at=NOW, today=TODAY)

    content = imports.rejected_csv(run)

    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[3] for row in rows[1:]] == ["'=1+1,x,1", "'+2,x,1", "c,x,1"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\u3000=", "＝", "＋", "－", "＠"])
def test_no_start_of_a_refused_row_is_a_formula(start: str) -> None:
    run = imports.run(upload(f"customer,date,paid\n{start}A1,x,-5.00\n"), by=None, at=NOW, today=TODAY)

    row = list(csv.reader(io.StringIO(imports.rejected_csv(run).decode("utf-8-sig"))))[1]

    assert row[3] == f"'{start}A1,x,-5.00"


def test_versions_decide_within_a_file_and_against_the_record(record_order: RecordOrder) -> None:
    record_order(external_id="o-1", version=5)
    text = "order_no,customer,date,paid,version\n"
    text += "o-1,c-1,2026-11-01,1,4\n"  # older than the record
    text += "o-1,c-1,2026-11-01,7,6\n"
    text += "o-1,c-1,2026-11-01,8,6\n"  # the same version with other content
    text += "o-1,c-1,2026-11-01,7,6\n"  # the same again

    run = imports.run(upload(text), by=None, at=NOW, today=TODAY)

    assert run.counts == counts(rows=4, updated=1, unchanged=1, stale=1, rejected=1)
    assert (Order.objects.get().version, str(Order.objects.get().paid)) == (6, "7.00")
    assert run.rejected.get().line_number == 4
    assert go(text.replace("7,6", "9,6"))["rejected"] == 3


def test_cdnow_rows_without_order_number(make_customer: MakeCustomer) -> None:
    cdnow = "customer,date,units,revenue\n00001,19970101,1,11.77\n00002,19970112,1,12.00\n00002,19970112,5,77.00\n"

    assert go(cdnow) == counts(rows=3, created=3, new_customers=2)
    assert go(cdnow) == counts(rows=3, unchanged=3)
    assert sorted(Order.objects.values_list("external_id", flat=True)) == [
        "00001/1997-01-01/1",
        "00002/1997-01-12/1",
        "00002/1997-01-12/2",
    ]
    assert Summary.objects.order_by("-paid_sum").values_list("purchase_days", "order_count")[0] == (1, 2)


def test_people_are_found_by_phone_and_a_shared_phone_is_not_guessed(make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", phone="13800138000", source="till")
    make_customer("韩梅梅", phone="13900139000", external_id="h")
    make_customer("韩爸爸", phone="13900139000", external_id="p")
    text = "order_no,customer,phone,date,paid\n"
    text += "1,,+86 138-0013-8000,2026-11-01,1\n"
    text += "2,web-7,13800138000,2026-11-01,1\n"
    text += "3,,13900139000,2026-11-01,1\n"
    text += "4,,13700137000,2026-11-01,1\n"

    assert go(text) == counts(rows=4, created=3, rejected=1, new_customers=1)
    assert sorted(li_lei.orders.values_list("external_id", flat=True)) == ["1", "2"]
    assert sorted(li_lei.identities.values_list("source", "external_id")) == [("shop", "web-7"), ("till", "id of 李雷")]
    assert go(text) == counts(rows=4, unchanged=3, rejected=1)


def test_a_file_moves_an_order_with_its_refunds(record_order: RecordOrder) -> None:
    back = RefundFact("r", record_order().order.paid, NOW)
    record_order(external_id="o-9", refunds=(back,), version=1)
    record_order(CustomerRef(source="shop", external_id="c-2", name="韩梅梅"), external_id="other")

    assert go("order_no,customer,date,paid,cost,version\no-9,c-2,2026-11-02,120,60,2\n") == counts(rows=1, updated=1)

    order = Order.objects.get(external_id="o-9")
    assert (order.customer.name, order.fully_refunded_on) == ("韩梅梅", None)
    assert [(r.customer.name, r.purchased_on) for r in order.refunds.all()] == [("韩梅梅", date(2026, 11, 2))]
    assert Summary.objects.get(customer__name="韩梅梅").purchase_days == 2
    assert Standing.objects.get(customer__name="李雷").last_on == date(2026, 11, 1)
    assert go("order_no,customer,date,paid,cost,version\no-9,c-2,2026-11-02,99,60,3\n")["rejected"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"PK\x03\x04rest",
        b"\xd0\xcf\x11\xe0rest",
        b"<html><body>",
        b"MZ\x90",
        b"only one column\n1\n",
        b"one column\r1\r",
        b"\xff\xff\xff,\xff\n",
    ],
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        upload(content)
    assert not Import.objects.exists()


def test_columns_are_guessed_and_must_suffice() -> None:
    assert upload(SHOP).mapping == {
        "order_no": "订单号",
        "customer": "会员编号",
        "name": "姓名",
        "phone": "手机号",
        "date": "下单时间",
        "paid": "实付金额",
        "cost": "成本",
        "status": "状态",
        "category": "分类",
    }
    run = upload("who,when,money\nc,2026-11-01,5\n")
    with pytest.raises(Invalid) as refusal:
        imports.check(run, at=NOW)
    assert refusal.value.code == "mapping_incomplete"
    with pytest.raises(Invalid):
        imports.map_columns(run, {"customer": "who", "date": "when", "paid": "nothing"})
    imports.map_columns(run, {"customer": "who", "date": "when", "paid": "money"})
    assert imports.check(run, at=NOW).counts == counts(rows=1, created=1, new_customers=1)
    assert imports.preview(run) == [["c", "2026-11-01", "5"]]


def test_an_import_by_a_person_leaves_a_line(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR, "Mina")
    run = imports.upload("o.csv", SHOP.encode(), source="shop", by=admin, at=NOW)
    imports.run(run, by=admin, at=NOW, today=TODAY)

    assert list(admin.auditentry_set.order_by("id").values_list("action", flat=True)) == [
        "import.uploaded",
        "import.run",
    ]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, refused = tmp_path / "orders.csv", tmp_path / "refused.csv"
    file.write_text("who,date,money\nc-1,2026-11-01,5\nc-2,never,5\n")

    call_command("import_orders", str(file), "--map", "who=customer", "--map", "money=paid", "--dry-run")
    assert (Order.objects.count(), "created: 1" in capsys.readouterr().out) == (0, True)

    call_command("import_orders", str(file), "--map", "who=customer", "--map", "money=paid", "--rejected", str(refused))
    assert (Order.objects.count(), refused.read_text("utf-8-sig").count("\n")) == (1, 2)

    with pytest.raises(CommandError):
        call_command("import_orders", str(tmp_path / "missing.csv"))


def test_the_command_says_what_is_open_and_takes_it_as_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("no,who,when,money,state\n1,c-1,08/10/2026,1.234,sealed\n2,c-1,09/10/2026,900,sealed\n")
    columns = ("--map", "no=order_no", "--map", "who=customer", "--map", "date=when", "--map", "money=paid")
    call = ("import_orders", str(file), *columns, "--map", "state=status")

    call_command(*call, "--dry-run")
    said = capsys.readouterr().err
    assert all(text in said for text in ("08/10/2026", "--date-order", "1.234", "--decimal", "'sealed' (2 rows)"))
    call_command(*call, "--date-order", "dmy", "--decimal", ",", "--status", "sealed=paid")

    assert list(Order.objects.order_by("external_id").values_list("ordered_on", "paid")) == [
        (date(2026, 10, 8), Decimal(1234)),
        (date(2026, 10, 9), Decimal(900)),
    ]
    with pytest.raises(CommandError):
        call_command("import_orders", str(file), "--profile", "nothing")


def test_a_stack_of_versions_ends_the_same_in_any_order() -> None:
    head = "order_no,customer,date,paid,version\n"
    rows = [f"o-{n % 3},c-{n % 2},2026-11-{n + 1:02},{n}.00,{n}\n" for n in range(9)]
    go(head + "".join(rows))
    forwards = list(Order.objects.order_by("external_id").values_list("external_id", "version", "paid", "ordered_on"))

    Order.objects.all().delete()
    go(head + "".join(reversed(rows)))

    assert (
        list(Order.objects.order_by("external_id").values_list("external_id", "version", "paid", "ordered_on"))
        == forwards
    )


LINES = """order_no,customer,date,product,category,units,line_amount,cost
o-1,c-1,2026-11-01,oolong,tea,2,60.00,30
o-2,c-2,2026-11-01,teapot,ware,1,80,50
o-1,c-1,2026-11-01,cup,ware,4,40.50,12
o-1,c-1,2026-11-01,oolong,tea,1,30,15
"""


def lines_of(number: str) -> list[tuple[Any, ...]]:
    rows = OrderLine.objects.filter(order__external_id=number).order_by("id")
    return [(r.product.external_id, r.quantity, str(r.amount)) for r in rows.select_related("product")]


def test_rows_of_one_order_number_are_its_lines() -> None:
    assert go(LINES) == counts(rows=4, created=2, new_customers=2)

    order = Order.objects.get(external_id="o-1")
    assert (str(order.paid), str(order.cost), str(order.profit)) == ("130.50", "57.00", "73.50")
    assert lines_of("o-1") == [("oolong", 2, "60.00"), ("cup", 4, "40.50"), ("oolong", 1, "30.00")]
    assert order.category_mask == mask_of(Category.objects.values_list("pk", flat=True))
    assert Order.objects.get(external_id="o-2").category_mask == mask_of([Category.objects.get(name="ware").pk])
    assert Summary.objects.get(customer=order.customer).category_mask == order.category_mask


def test_lines_told_by_file_and_by_the_api_are_one_order(record_order: RecordOrder) -> None:
    go(LINES)
    by_file = Order.objects.get(external_id="o-1")
    told = [LineFact("oolong", 2, Decimal(60), category="tea"), LineFact("cup", 4, Decimal("40.50"), category="ware")]
    record_order(
        by_file.customer, external_id="same", lines=(*told, LineFact("oolong", 1, Decimal(30), category="tea"))
    )

    assert lines_of("o-1") == lines_of("same")
    assert by_file.category_mask == Order.objects.get(external_id="same").category_mask


def test_lines_again_change_nothing_and_a_newer_version_replaces_them() -> None:
    head, *rows = LINES.splitlines()
    versioned = "\n".join([f"{head},version", *(f"{row},1" for row in rows)])
    go(versioned)
    before = picture()

    assert go(versioned) == counts(rows=4, unchanged=2)
    assert picture() == before
    newer = versioned + "\no-1,c-1,2026-11-01,cup,ware,1,10,3,2\n"
    assert imports.check(upload(newer), at=NOW).counts == counts(rows=5, updated=1, unchanged=1, stale=1)
    assert go(newer) == counts(rows=5, updated=1, unchanged=1, stale=1)
    assert (lines_of("o-1"), str(Order.objects.get(external_id="o-1").paid)) == ([("cup", 1, "10.00")], "10.00")


def test_a_total_beside_the_lines_is_what_was_paid() -> None:
    text = "order_no,customer,date,paid,product,line_amount\n"
    text += "o-1,c-1,2026-11-01,95,tea,60\no-1,c-1,2026-11-01,,cup,40\no-2,c-1,2026-11-01,7,tea,4\no-2,c-1,2026-11-01,8,cup,4\n"

    run = imports.run(upload(text), by=None, at=NOW, today=TODAY)

    assert run.counts == counts(rows=4, created=1, rejected=2, new_customers=1)
    assert (str(Order.objects.get().paid), len(lines_of("o-1"))) == ("95.00", 2)
    assert sorted(run.rejected.values_list("line_number", flat=True)) == [4, 5]


def test_an_order_goes_in_whole_or_not_at_all() -> None:
    text = "order_no,customer,date,line_amount\n"
    text += "o-1,c-1,2026-11-01,1\no-1,c-1,2026-11-01,never\n"  # a bad amount: not half of o-1
    text += "o-2,c-1,2026-11-01,1\no-2,c-2,2026-11-01,1\n"  # two customers
    text += "o-3,c-1,2026-11-01,1\n"
    text += "o-3,c-1\n"  # a torn line may belong to the order above or to the one below
    text += "o-4,c-1,2026-11-01,1\n"
    text += "o-5,c-1,2026-11-01,1\no-6,c-1,2026-11-01,1\no-5,c-1,2026-11-01,1\n"

    run = imports.run(upload(text), by=None, at=NOW, today=TODAY)

    assert run.counts == counts(rows=10, created=2, rejected=7, new_customers=1)
    assert list(run.rejected.order_by("line_number").values_list("line_number", flat=True)) == [2, 3, 4, 5, 6, 7, 8]
    assert sorted(Order.objects.values_list("external_id", "paid")) == [("o-5", Decimal(2)), ("o-6", Decimal(1))]


def test_a_chunk_is_found_by_its_lines_while_older_work_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is made after rows were changed waits for every older transaction: here, for the test's own."""
    waiting_for_others: dict[str, bool] = {}
    store = staging.store

    def look(*args: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexrelid::regclass::text, indcheckxmin FROM pg_index"
                " WHERE indrelid IN ('import_rows'::regclass, 'import_people'::regclass)"
            )
            waiting_for_others.update(cursor.fetchall())
        store(*args)

    monkeypatch.setattr(staging, "store", look)
    go(LINES)

    assert waiting_for_others == {
        "import_rows_line_idx": False,
        "import_rows_person_idx": False,
        "import_people_person_idx": False,
    }


def test_lines_need_an_order_number() -> None:
    with pytest.raises(Invalid) as refusal:
        imports.check(upload("customer,date,line_amount\nc,2026-11-01,5\n"), at=NOW)
    assert refusal.value.code == "mapping_incomplete"


# By a worker ---------------------------------------------------------------------------------------------------------


def spoke(run: Import, ago: timedelta) -> None:
    Import.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - ago)


def test_a_waiting_import_is_had_by_one_worker_until_that_one_falls_silent(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    run = upload(SHOP)
    imports.ask_for(run, Import.Task.RUN, by=admin, at=NOW)
    assert waiting.to_issue() == [run.pk]

    first = imports.claim(run.pk)

    assert first is not None
    assert (first.state, first.task, first.attempts) == ("running", "run", 1)
    assert (imports.claim(run.pk), waiting.to_issue()) == (None, [])
    spoke(run, 2 * leases.SILENT_AFTER)
    assert waiting.to_issue() == [run.pk]
    second = imports.claim(run.pk)
    assert second is not None
    assert second.attempts == 2


def test_a_file_is_worked_by_one_at_a_time_also_when_that_one_is_silent_over_a_long_step() -> None:
    run = upload(SHOP)
    Import.objects.filter(pk=run.pk).update(state=Import.State.RUNNING, task=Import.Task.RUN)
    spoke(run, 2 * leases.SILENT_AFTER)
    elsewhere = connection.copy()
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('laoke.import.run'), %s)", [run.pk])

        assert imports.claim(run.pk) is None
        with pytest.raises(DomainError) as refusal:
            imports.check(run, at=NOW)
        assert refusal.value.code == "import_running"
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        assert imports.claim(run.pk)
    finally:
        elsewhere.close()


def test_a_file_that_kills_its_workers_is_given_up_until_somebody_asks(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    run = upload(SHOP)
    imports.ask_for(run, Import.Task.RUN, by=admin, at=NOW)
    for _attempt in range(leases.GIVE_UP_AFTER):
        assert imports.claim(run.pk)
        spoke(run, 2 * leases.SILENT_AFTER)

    assert imports.claim(run.pk) is None

    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "Its worker died 3 times. Split the file.")
    assert waiting.to_issue() == []
    imports.ask_for(run, Import.Task.RUN, by=admin, at=NOW)
    assert imports.claim(run.pk)


def test_who_works_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    monkeypatch.setattr(imports, "monotonic", itertools.count(step=2).__next__)
    told: list[tuple[str, int]] = []
    store = staging.store

    def look(*args: Any, **named: Any) -> None:
        told.append(Import.objects.values_list("step", "percent").get())
        store(*args, **named)

    monkeypatch.setattr(staging, "store", look)
    run = imports.run(upload(SHOP), by=None, at=NOW, today=TODAY)

    run.refresh_from_db()
    assert (run.state, run.percent) == ("done", 100)
    assert [step for step, _percent in told] == [
        "people",
        "orders",
        "orders",
        "orders",
    ]  # the header has a chunk of its own
    percents = [percent for _step, percent in told]
    assert percents == sorted(set(percents))


def test_an_import_that_breaks_says_so_and_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = upload(SHOP)
    with monkeypatch.context() as broken:
        broken.setattr(staging, "classify", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            imports.check(run, at=NOW)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "ZeroDivisionError" in run.error

    assert imports.run(run, by=None, at=NOW, today=TODAY).counts["created"] == 3
    run.refresh_from_db()
    assert run.error == ""


def test_an_import_has_ended_when_it_ended_and_not_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = itertools.count(step=60)
    monkeypatch.setattr(imports, "monotonic", lambda: next(minutes))

    run = imports.run(upload(SHOP), by=None, at=NOW, today=TODAY)

    assert run.finished_at is not None
    assert run.finished_at - NOW > timedelta(minutes=3)


# What nearly all rows are ---------------------------------------------------------------------------------------------


def any_orders(rng: random.Random, rows: int) -> str:
    """Rows of known and new orders, of nobody, cancelled, refunded, absurd, with a version or without."""
    lines = ["order_no,customer,phone,date,paid,cost,refund amount,status,version"]
    for row in range(rows):
        number = rng.choice([f"o-{rng.randrange(8)}", f"n-{row}", f"n-{row}"])
        who = rng.choice(["", "c-1", "c-2", "c-3"])
        phone = rng.choice(["", "13800138000", "13800138001"])
        day = rng.choice(["2026-11-01 09:30", "2026-11-02", "2062-01-01", "1985-01-01"] + ["2026-11-03"] * 4)
        paid = rng.choice(["20", "35.50", "99999999", "", "0"] + ["40"] * 3)
        refunded = rng.choice(["", "", "", "0", "5", "60"])
        status = rng.choice(["paid", "paid", "pending", "cancelled", "refunded"])
        lines.append(f"{number},{who},{phone},{day},{paid},{rng.choice(['', '7'])},{refunded},{status},{row % 3 or ''}")
    return "\n".join(lines)


def test_the_short_way_of_a_new_order_comes_to_what_the_long_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(6):
        rng = random.Random(seed)
        before, told = any_orders(rng, 12), any_orders(rng, 60)
        ends = []
        for short in (staging.STEPS["classify_new"], "SELECT 1"):
            monkeypatch.setitem(staging.STEPS, "classify_new", short)
            with transaction.atomic():
                go(before)
                run = upload(told)
                imports.check(run, at=NOW)
                seen = [run.counts, list(run.rejected.order_by("line_number").values_list("line_number", "reason"))]
                imports.run(run, by=None, at=NOW, today=TODAY)
                asked = list(run.questions.order_by("line_number").values_list("line_number", "asks", "after"))
                stored = Order.objects.order_by("external_id").values_list(
                    "external_id", "version", "file_changes", "status", "ordered_at", "ordered_on", "paid", "cost"
                )
                # Customers without an id of the source are in no order of theirs.
                record = [sorted(map(repr, rows)) for rows in picture()]
                ends.append([seen, run.counts, asked, list(stored), record])
                transaction.set_rollback(True)
        assert ends[0] == ends[1], seed
        assert ends[0][1]["created"] > 5
