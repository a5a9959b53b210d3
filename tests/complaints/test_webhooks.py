"""What the mall's systems are told of complaints: with the change, once, and not a word that anybody said."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from complaints.cases import lifecycle, mail, remedies
from complaints.models import Case, Remedy
from complaints.webhooks import Kind
from core.accounts.models import User
from core.outbox.models import WebhookEndpoint, WebhookEvent
from crm.flows import call
from customers.models import Customer
from tests.complaints.conftest import DAY, HOUR, MINUTE, WEDNESDAY, LogCase, again, category_of, solved
from tests.conftest import MakeOrder

pytestmark = pytest.mark.django_db
SOON = WEDNESDAY + 10 * MINUTE
WORDS = "包裹没到，13800138000，住在幸福路"


@pytest.fixture
def listener(wang: User) -> WebhookEndpoint:
    url = "https://shop.example/hooks"
    return WebhookEndpoint.objects.create(url=url, events=[*Kind], secret=b"", by=wang, at=WEDNESDAY)


def told() -> list[tuple[str, dict[str, Any]]]:
    """Everything stored since the last look, in order."""
    rows = list(WebhookEvent.objects.order_by("pk").values_list("kind", "data"))
    WebhookEvent.objects.all().delete()
    return rows


def kinds() -> list[str]:
    return [kind for kind, _data in told()]


def taken(customer: Customer, by: User, **more: Any) -> call.Taken:
    late = category_of("delivery-late")
    given = {"description": WORDS, "title": "李雷很急", "client_key": "k-1"} | more
    return call.log(customer, category=late, channel="phone", by=by, at=WEDNESDAY, **given)


def test_the_whole_life_of_a_complaint_is_told(
    listener: WebhookEndpoint, li_lei: Customer, wang: User, make_order: MakeOrder
) -> None:
    make_order(li_lei, external_id="S-1")
    case = taken(li_lei, wang, orders=["S-1", "13800138000"], call_at=SOON + HOUR).case
    who = {"complaint": case.number, "customer": li_lei.number}
    owed = {"answer_due_at": case.next_due_at.isoformat()}  # type: ignore[union-attr]

    [opened, promised] = told()
    assert (opened[0], promised[0]) == ("complaint.opened", "complaint.promised")
    assert opened[1].items() >= (who | owed | {"status": "new", "category": "delivery-late"}).items()
    assert (opened[1]["orders"], opened[1]["follows"]) == (["shop:S-1"], None)
    assert opened[1]["solution_due_at"] > opened[1]["answer_due_at"]
    assert promised[1].items() >= (who | {"what": "call", "due_at": (SOON + HOUR).isoformat()}).items()

    lifecycle.reply(case.pk, by=wang, at=SOON, body="我们马上查", channel="phone")
    lifecycle.reply(case.pk, by=wang, at=SOON, body="查到了", channel="wechat")
    call.promise(case.pk, SOON + 2 * HOUR, by=wang, at=SOON)
    lifecycle.resolve(case.pk, by=wang, at=SOON + HOUR, **solved(reply=""))
    lifecycle.customer_replied(case.pk, at=SOON + 2 * HOUR, body="谢谢", channel="wechat")
    lifecycle.keep_resolved(case.pk, by=wang, at=SOON + 3 * HOUR)
    lifecycle.reopen(case.pk, by=wang, at=SOON + 2 * DAY, reason="又坏了")
    lifecycle.resolve(case.pk, by=wang, at=SOON + 3 * DAY, **solved(reply=""))
    lifecycle.close(case.pk, by=wang, at=SOON + 4 * DAY)

    rows = told()
    assert [kind.removeprefix("complaint.") for kind, _data in rows] == [
        *("answered", "answered", "promised", "resolved", "reopened"),
        *("resolved", "reopened", "resolved", "ended"),
    ]
    datas = [data for _kind, data in rows]
    assert [(data["channel"], data["first"]) for data in datas[:2]] == [("phone", True), ("wechat", False)]
    assert [datas[n]["by"] for n in (4, 6)] == ["customer", "user"]
    assert datas[6]["answer_due_at"]
    assert (datas[-2]["outcome"], datas[-2]["cause"], datas[-2]["reopened"]) == ("fixed", "carrier-late", 2)
    assert (datas[-1]["status"], datas[-1]["into"]) == ("closed", None)
    changes = [data["change"] for data in datas]
    assert changes == sorted(changes)
    every = str([opened, promised, rows])
    assert not any(word in every for word in (WORDS, "13800138000", "李雷", "谢谢", "又坏了", "我们马上查", "重新发货"))


def test_told_again_or_rolled_back_nothing_more_is_told(
    listener: WebhookEndpoint, li_lei: Customer, wang: User
) -> None:
    case = taken(li_lei, wang, call_at=SOON + HOUR).case
    assert kinds() == ["complaint.opened", "complaint.promised"]

    taken(li_lei, wang, call_at=SOON + HOUR)
    for _time in range(2):
        lifecycle.reply(case.pk, by=wang, at=SOON, body="我们马上查", channel="phone", request_key="r-1")
    assert kinds() == ["complaint.answered"]
    for _time in range(2):
        lifecycle.resolve(case.pk, by=wang, at=SOON, request_key="r-2", **solved(reply=""))
    assert kinds() == ["complaint.resolved"]

    with transaction.atomic():
        lifecycle.reopen(case.pk, by=wang, at=SOON, reason="又坏了")
        taken(li_lei, wang, client_key="k-2", call_at=SOON + HOUR)
        transaction.set_rollback(True)
    assert (kinds(), again(case).status) == ([], Case.Status.RESOLVED)


def test_a_mail_is_an_answer_once_it_has_left(listener: WebhookEndpoint, log_case: LogCase, li_lei: Customer) -> None:
    case = log_case(li_lei)
    by = listener.by
    lifecycle.reply(case.pk, by=by, at=SOON, body="我们马上查", channel="email")
    assert kinds() == ["complaint.opened"]

    written = case.messages.get(direction="out").mail
    mail.sent_by_hand(written.pk, by=by, at=SOON + HOUR)

    [(kind, data)] = told()
    assert (kind, data["channel"], data["first"]) == ("complaint.answered", "email", True)


def test_a_remedy_is_promised_once_nobody_has_to_approve_it(
    listener: WebhookEndpoint, log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    case = log_case(li_lei)

    def propose(amount: int, key: str) -> Remedy:
        return remedies.propose(
            case.pk,
            kind="refund",
            amount=amount,
            reason="晚到",
            by=wang,
            at=SOON,
            client_key=key,
            promised_at=SOON + DAY,
        )

    propose(1, "small")
    propose(1, "small")
    much = propose(150, "much")
    assert much.needs_approval
    assert kinds() == ["complaint.opened", "complaint.promised"]

    remedies.approve(much.pk, by=lead, at=SOON)

    [(kind, data)] = told()
    assert (kind, data["what"], data["due_at"]) == ("complaint.promised", "refund", (SOON + DAY).isoformat())


@pytest.mark.parametrize("how", ["withdrawn", "invalid", "merged"])
def test_every_other_end_is_told_too(
    listener: WebhookEndpoint, log_case: LogCase, li_lei: Customer, wang: User, how: str
) -> None:
    case, other = log_case(li_lei, at=WEDNESDAY - HOUR), log_case(li_lei)
    told()
    if how == "merged":
        lifecycle.merge(case.pk, other.pk, by=wang, at=SOON)
    else:
        end = {"withdrawn": lifecycle.withdraw, "invalid": lifecycle.invalidate}[how]
        end(case.pk, by=wang, at=SOON, reason="打错了")

    [(kind, data)] = told()
    assert (kind, data["complaint"], data["status"]) == ("complaint.ended", case.number, how)
    assert data["into"] == (other.number if how == "merged" else None)


def test_while_nobody_listens_a_change_costs_one_small_query(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    case = log_case(li_lei)
    with CaptureQueriesContext(connection) as made:
        lifecycle.reply(case.pk, by=wang, at=SOON, body="我们马上查", channel="phone")
    assert sum("webhook" in query["sql"] for query in made.captured_queries) == 1
    with CaptureQueriesContext(connection) as made:
        lifecycle.note(case.pk, by=wang, at=SOON, body="客户很急")
    assert not any("webhook" in query["sql"] for query in made.captured_queries)
