"""The doors of other systems: complaints told once, mails put where they belong, prompts with the order's answer."""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from complaints.cases import lifecycle, prompts
from complaints.models import Case, CaseMessage, Category, RootCause, Survey
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role
from core.accounts.roles import ApiScope
from customers.models import Customer
from tests.conftest import ApiFor, MakeCustomer, MakeUser

LIST = "/api/v1/complaints"
INBOUND = "/api/v1/complaints/inbound"
ORDER = "/api/v1/sources/shop/orders/o-1"
READ, WRITE = ApiScope.COMPLAINTS_READ, ApiScope.COMPLAINTS_WRITE


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", external_id="c-1", email="li.lei@example.com")


def complaint(**told: Any) -> dict[str, Any]:
    return {
        "source": "shop",
        "source_ref": "k-1",
        "customer": {"external_id": "c-1"},
        "category": "delivery-late",
        "channel": "web",
        "description": "包裹三天没到",
    } | told


def mail(**told: Any) -> dict[str, Any]:
    return {
        "source": "mail",
        "source_ref": "<1@example.com>",
        "sender": {"email": "li.lei@example.com"},
        "channel": "email",
        "subject": "还没收到",
        "text": "请尽快处理",
    } | told


def message(**told: Any) -> dict[str, Any]:
    return {"source": "mail", "source_ref": "<9@example.com>", "channel": "email", "body": "还是没到"} | told


DOORS = [
    ("get", LIST, None, READ, 200),
    ("post", LIST, complaint(), WRITE, 201),
    ("post", INBOUND, mail(), WRITE, 201),
    ("get", f"{LIST}/C-1", None, READ, 404),
    ("post", f"{LIST}/C-1/messages", {}, WRITE, 400),
    ("get", f"{LIST}/C-1/transitions", None, READ, 404),
    ("post", f"{LIST}/C-1/transitions", {}, WRITE, 400),
    ("get", f"{LIST}/C-1/files", None, READ, 404),
    ("post", f"{LIST}/C-1/files", {}, WRITE, 400),
    ("get", f"{LIST}/C-1/files/1", None, READ, 404),
    ("get", f"{LIST}/categories", None, READ, 200),
    ("post", f"{LIST}/surveys/due", {}, WRITE, 200),
    ("get", "/api/v1/customers/C0/prompts", None, READ, 404),
    ("post", "/api/v1/prompts/1/acknowledge", {}, WRITE, 404),
]


@pytest.mark.parametrize(("method", "url", "body", "scope", "status"), DOORS)
def test_a_door_opens_to_its_scope_and_to_no_other(
    api_for: ApiFor, li_lei: Customer, method: str, url: str, body: Any, scope: ApiScope, status: int
) -> None:
    allowed = api_for(scope)
    others = api_for(*(s for s in ApiScope if s != scope))
    stranger = api_for(scope)
    stranger.credentials()

    assert getattr(stranger, method)(url, body, format="json").status_code == 401
    assert getattr(others, method)(url, body, format="json").status_code == 403
    assert not Case.objects.exists()
    assert getattr(allowed, method)(url, body, format="json").status_code == status


def test_a_complaint_told_twice_is_one(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(WRITE)

    first = client.post(LIST, complaint(), format="json")
    second = client.post(LIST, complaint(), format="json")

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["number"] == second.json()["number"]
    assert second.json()["created"] is False
    assert Case.objects.get().description == "包裹三天没到"


def test_a_name_that_was_used_for_other_words_is_refused_and_nothing_of_it_stored(
    api_for: ApiFor, li_lei: Customer
) -> None:
    client = api_for(WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]
    client.post(INBOUND, mail(), format="json")
    client.post(f"{LIST}/{number}/messages", message(), format="json")
    client.post(INBOUND, mail(source_ref="<2@example.com>", subject=f"Re: {number}"), format="json")
    others = [
        (LIST, complaint(description="another matter")),
        (LIST, complaint(category="delivery-lost")),
        (LIST, complaint(customer={"external_id": "c-2"})),
        (INBOUND, mail(text="another matter")),
        (INBOUND, mail(subject=f"Re: {number}")),
        (f"{LIST}/{number}/messages", message(body="another matter")),
        (INBOUND, mail(source_ref="<2@example.com>", subject=f"Re: {number}", text="another matter")),
        (INBOUND, mail(source_ref="<2@example.com>")),
    ]

    answers = [client.post(address, told, format="json") for address, told in others]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "key_used")] * len(others)
    assert (Case.objects.count(), CaseMessage.objects.count()) == (2, 2)


def test_a_promised_call_is_work_and_the_answer_says_whose(
    api_for: ApiFor, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    li_lei = make_customer("李雷", external_id="c-1", manager=make_user(name="Chen Jing"))
    client, moment = api_for(READ, WRITE), (timezone.now() + timedelta(hours=2)).replace(microsecond=0)
    told = complaint(channel="shop", call_at=moment.isoformat())

    first = client.post(LIST, told, format="json").json()
    again = client.post(LIST, told, format="json").json()
    shown = client.get(f"{LIST}/{first['number']}").json()

    todo = li_lei.todos.get()
    assert (todo.due_at, str(todo.owner)) == (moment, "Chen Jing")
    assert datetime.fromisoformat(first["call"]["due_at"]) == moment
    assert (first["call"]["owner"], first["call"]["made"]) == ("Chen Jing", False)
    assert again["call"] == shown["call"] == first["call"]


def test_a_call_promised_for_yesterday_is_refused_and_nothing_is_stored(api_for: ApiFor, li_lei: Customer) -> None:
    yesterday = timezone.now() - timedelta(days=1)

    refused = api_for(WRITE).post(LIST, complaint(call_at=yesterday.isoformat()), format="json")

    assert (refused.status_code, refused.json()["code"]) == (400, "call_at")
    assert not Case.objects.exists()


def test_without_a_promise_the_answer_has_no_call(api_for: ApiFor, li_lei: Customer) -> None:
    assert api_for(WRITE).post(LIST, complaint(), format="json").json()["call"] is None


def test_what_is_unknown_is_refused_with_a_code(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(WRITE)

    category = client.post(LIST, complaint(category="no-such"), format="json")
    field = client.post(LIST, complaint(urgency="high"), format="json")

    assert (category.status_code, category.json()["code"]) == (400, "unknown_category")
    assert category["Content-Type"] == "application/problem+json"
    assert (field.status_code, field.json()["code"]) == (400, "unknown_field")


def test_a_mail_that_names_its_case_is_added_to_it_once(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]

    reply = mail(subject=f"回复：[{number}] 还没收到")
    first = client.post(INBOUND, reply, format="json").json()
    again = client.post(INBOUND, reply, format="json").json()

    assert (first["number"], first["created"], again["created"]) == (number, True, False)
    assert [message.body for message in Case.objects.get().messages.all()] == ["请尽快处理"]


def test_two_long_names_of_mails_that_differ_at_their_end_are_two_mails(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]

    for end in ("1", "2", "2"):
        reply = mail(source="mailgateway", source_ref="m" * 119 + end, subject=number, text=f"第{end}封")
        assert client.post(INBOUND, reply, format="json").status_code in (200, 201)

    assert [message.body for message in Case.objects.get().messages.order_by("pk")] == ["第1封", "第2封"]


def test_a_mail_that_names_somebody_elses_case_is_a_case_of_its_own(
    api_for: ApiFor, li_lei: Customer, make_customer: MakeCustomer
) -> None:
    make_customer("韩梅梅", external_id="c-2")
    client = api_for(WRITE)
    number = client.post(LIST, complaint(customer={"external_id": "c-2"}), format="json").json()["number"]

    answer = client.post(INBOUND, mail(subject=number), format="json")

    assert answer.status_code == 201
    assert answer.json()["number"] != number


def test_the_detail_tells_words_and_promises_but_no_notes(
    api_for: ApiFor, li_lei: Customer, make_user: MakeUser
) -> None:
    client = api_for(READ, WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]
    case, agent = Case.objects.get(), make_user(Role.SERVICE_AGENT)
    lifecycle.note(case.pk, by=agent, at=timezone.now(), body="客户很急")
    lifecycle.reply(case.pk, by=agent, at=timezone.now(), body="今天送到", channel="phone")

    answer = client.get(f"{LIST}/{number}")

    assert [said["body"] for said in answer.json()["messages"]] == ["今天送到"]
    assert {promise["metric"]: promise["state"] for promise in answer.json()["promises"]} == {
        "first_response": "met",
        "resolution": "running",
    }
    assert answer["ETag"] == f'"{answer.json()["version"]}"'


def test_a_stale_client_is_refused_and_told(api_for: ApiFor, li_lei: Customer, make_user: MakeUser) -> None:
    client = api_for(READ, WRITE)
    told = client.post(LIST, complaint(), format="json").json()
    case, agent = Case.objects.get(), make_user(Role.SERVICE_AGENT, "Liu Fang")
    lifecycle.withdraw(case.pk, by=agent, at=timezone.now(), reason="has arrived")

    answer = client.post(
        f"{LIST}/{told['number']}/transitions",
        {"to": "withdrawn", "reason": "x"},
        format="json",
        headers={"If-Match": f'"{told["version"]}"'},
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "changed_meanwhile")


def test_a_client_solves_a_case_and_knows_beforehand_what_is_missing(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(READ, WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]

    before = client.get(f"{LIST}/{number}/transitions").json()
    solved = client.post(
        f"{LIST}/{number}/transitions",
        {"to": "resolved", "outcome": "fixed", "resolution": "重发", "reply": "已重发", "root_cause": "carrier-late"},
        format="json",
    )

    assert before["missing"] == ["outcome", "resolution", "root_cause", "reply"]
    assert "resolved" in before["allowed"]
    assert (solved.status_code, solved.json()["status"]) == (200, "resolved")


def test_the_list_is_filtered_and_refuses_what_it_does_not_know(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(READ, WRITE)
    client.post(LIST, complaint(), format="json")

    assert len(client.get(LIST, {"open": "true"}).json()["results"]) == 1
    assert client.get(LIST, {"status": "closed"}).json()["results"] == []
    assert client.get(LIST, {"colour": "red"}).status_code == 400


def test_the_next_order_is_answered_with_what_went_wrong(
    api_for: ApiFor, li_lei: Customer, make_user: MakeUser
) -> None:
    client = api_for(READ, WRITE, ApiScope.ORDERS_WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]
    case, agent = Case.objects.get(), make_user(Role.SERVICE_AGENT)
    lifecycle.resolve(
        case.pk,
        by=agent,
        at=timezone.now(),
        outcome="fixed",
        resolution="重发",
        reply="已重发",
        root_cause=RootCause.objects.get(code="carrier-late"),
    )
    order = {
        "version": 1,
        "customer": {"external_id": "c-1"},
        "ordered_at": "2026-11-01T12:00:00+08:00",
        "paid": "100.00",
    }

    [prompt] = client.put(ORDER, order, format="json").json()["prompts"]

    assert (prompt["trigger"], prompt["department"], prompt["complaint"]) == ("delivery", "logistics", number)
    assert "请送货前先打电话" in prompt["text"]
    assert client.post(f"/api/v1/prompts/{prompt['id']}/acknowledge", {}, format="json").status_code == 204
    assert client.put(ORDER, order | {"version": 2}, format="json").json()["prompts"] == []
    assert list(prompts.armed(li_lei, at=timezone.now())) == []


def test_links_that_were_lost_with_the_answer_are_given_again(
    api_for: ApiFor, li_lei: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, at = api_for(WRITE), timezone.now()
    for number in range(3):
        client.post(LIST, complaint(source_ref=f"k-{number}"), format="json")
    for case in Case.objects.all():
        Survey.objects.create(case=case, cycle=1, send_at=at - timedelta(hours=1))
    monkeypatch.setattr("crm.api.complaints.PAGE", 2)

    lost = client.post(f"{LIST}/surveys/due", {}, format="json").json()["results"]
    first = client.get(f"{LIST}/surveys/due").json()
    rest = client.get(f"{LIST}/surveys/due?after={first['next']}").json()

    assert {row["link"] for row in first["results"] + rest["results"]} == {row["link"] for row in lost}
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)


def test_questions_to_customers_are_handed_out_once(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(WRITE)
    client.post(LIST, complaint(), format="json")
    case = Case.objects.get()
    Survey.objects.create(case=case, cycle=1, send_at=timezone.now() - timedelta(hours=1))

    [survey] = client.post(f"{LIST}/surveys/due", {}, format="json").json()["results"]

    assert survey["complaint"] == case.number
    assert "/s/" in survey["link"]
    assert client.post(f"{LIST}/surveys/due", {}, format="json").json()["results"] == []


def test_the_schema_describes_every_door(api_for: ApiFor) -> None:
    schema = api_for(READ).get("/api/v1/schema/", HTTP_ACCEPT="application/json").json()

    put = schema["paths"]["/api/v1/sources/{source}/orders/{external_id}"]["put"]
    assert put["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("OrderWithPromptsOut")
    assert {"/api/v1/complaints", "/api/v1/complaints/inbound"} <= set(schema["paths"])


def test_all_complaints_are_read_page_by_page(
    api_for: ApiFor, li_lei: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = api_for(READ, WRITE)
    for number in range(5):
        assert shop.post(LIST, complaint(source_ref=f"k-{number}"), format="json").status_code == 201
    monkeypatch.setattr("crm.api.complaints.PAGE", 2)
    seen, after, pages = [], "", 0
    while True:
        page = shop.get(LIST + (f"?after={after}" if after else "")).json()
        seen += [row["number"] for row in page["results"]]
        pages += 1
        after = page["next"]
        if after is None:
            break
        # Written meanwhile: neither repeated nor in the way.
        shop.post(LIST, complaint(source_ref=f"late-{pages}"), format="json")

    assert pages == 3
    assert seen == [f"C-{pk}" for pk in Case.objects.order_by("-pk").values_list("pk", flat=True)[pages - 1 :]]


@pytest.mark.parametrize("wrong", ["after=0", "after=x", "page=2", "cursor=1"])
def test_another_way_to_page_is_refused(api_for: ApiFor, wrong: str) -> None:
    assert api_for(READ).get(f"{LIST}?{wrong}").status_code == 400


def test_a_complaint_is_not_lost_for_a_phone_that_cannot_be_used(api_for: ApiFor, li_lei: Customer) -> None:
    who = {"external_id": "'c-1", "phone": "18473461900-7804", "email": "", "name": None}
    body = complaint(customer=who, order_ref='="35190000000000203"', title="")

    answer = api_for(WRITE).post(LIST, body, format="json")

    assert (answer.status_code, answer.json()["customer"]) == (201, li_lei.number)
    assert [out["code"] for out in answer.json()["left_out"]] == ["phone_invalid"]
    assert Case.objects.get().order_ref == "35190000000000203"


@pytest.mark.parametrize(
    ("who", "code"),
    [({"external_id": "0"}, "customer_missing"), ({"external_id": "guest", "phone": "1******6198"}, "phone_invalid")],
)
def test_a_complaint_of_nobody_joins_no_one(api_for: ApiFor, li_lei: Customer, who: dict[str, str], code: str) -> None:
    answer = api_for(WRITE).post(LIST, complaint(customer=who), format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Case.objects.exists()


def test_the_codes_of_what_a_complaint_can_be_about_are_listed_by_their_groups(api_for: ApiFor) -> None:
    Category.objects.filter(code="points").update(active=False)
    Category.objects.filter(code="delivery-lost").update(active=False)

    rows = api_for(READ).get(f"{LIST}/categories").data["results"]

    assert [row["code"] for row in rows][:4] == ["delivery", "delivery-late", "delivery-damaged", "delivery-wrong"]
    assert rows[1] == {"code": "delivery-late", "name": "配送延误", "group": "delivery", "severity": 3}
    assert len(rows) == 38 - 3 - 1


def test_a_complaint_is_about_several_orders_known_or_not_and_listed_by_one(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(READ, WRITE)

    told = client.post(LIST, complaint(order_ref="S-1", orders=["S-2", "='S-1'"]), format="json").json()
    other = client.post(LIST, complaint(source_ref="k-2", orders=["S-3"]), format="json").json()

    assert (told["order_ref"], told["orders"]) == ("S-1", ["S-1", "S-2"])
    listed = client.get(LIST, {"order": "S-2"}).json()["results"]
    assert [row["number"] for row in listed] == [told["number"]]
    assert client.get(f"{LIST}/{other['number'].lower()}").json()["orders"] == ["S-3"]
    assert client.get(f"{LIST}/{other['number'].removeprefix('C-')}").json()["number"] == other["number"]
    full = client.post(LIST, complaint(source_ref="k-3", orders=[f"S-{n}" for n in range(21)]), format="json")
    assert full.status_code == 400


def test_a_complaint_without_a_customer_is_anonymous(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(READ, WRITE)
    body = complaint()
    del body["customer"]

    told = client.post(LIST, body, format="json").json()
    client.post(LIST, complaint(source_ref="k-2"), format="json")

    assert (told["customer"], told["created"], told["left_out"]) == (None, True, [])
    assert client.post(LIST, body, format="json").json()["number"] == told["number"]
    listed = client.get(LIST, {"anonymous": "true"}).json()["results"]
    assert [row["number"] for row in listed] == [told["number"]]
    promised = client.post(
        LIST, body | {"source_ref": "k-3", "call_at": (timezone.now() + timedelta(hours=1)).isoformat()}, format="json"
    )
    assert (promised.status_code, promised.json()["code"]) == (409, "no_customer")


# Photos and papers ----------------------------------------------------------------------------------------------------


def test_a_photo_is_handed_on_once_listed_and_fetched_without_its_place(api_for: ApiFor, li_lei: Customer) -> None:
    client = api_for(READ, WRITE)
    number = client.post(LIST, complaint(), format="json").json()["number"]
    out = BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    Image.new("RGB", (40, 20), "red").save(out, "JPEG", exif=exif)

    def send(data: bytes, name: str = "伤.jpg", **more: Any) -> Any:
        sent = {"file": SimpleUploadedFile(name, data)} | more
        return client.post(f"{LIST}/{number}/files", sent, format="multipart")

    first, again = send(out.getvalue()), send(out.getvalue(), "again.jpg")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert {name: first.json()[name] for name in ("name", "kind", "source")} == {
        "name": "伤.jpg",
        "kind": "jpeg",
        "source": "customer",
    }
    assert [send(data).status_code for data in (b"", b"MZ", b"%PDF-1.7 cut off", b"%PDF-" + b"x" * 10_500_000)] == [
        400
    ] * 4
    assert send(out.getvalue(), unknown="x").status_code == 400
    assert client.post(f"{LIST}/{number}/files", {}, format="json").status_code == 400
    assert client.get(f"{LIST}/{number}/files").json() == {"results": [first.json()]}
    fetched = client.get(f"{LIST}/{number}/files/{first.json()['id']}")
    assert (fetched.status_code, b"SecretPhone" in fetched.content) == (200, False)
    assert fetched["Content-Disposition"].startswith("attachment")
    assert AuditEntry.objects.filter(action="attachment.opened").count() == 1
    assert client.get(f"{LIST}/{number}/files/{10**30}").status_code == 404
