"""REST about letters: consents, receipts and replies of the mall's systems, each within the token's reach."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from complaints.models import Case
from complaints.queries import who_complain
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope as S
from core.outbox import webhooks
from core.outbox.models import WebhookEvent
from customers.letters import consent, shop, writing
from customers.letters.writing import Words
from customers.models import BadPoint, Contact, Customer, Letter
from tests.conftest import ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
OFFERS = {"channel": "email", "purpose": "marketing"}


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", email="lilei@example.com", phone="13800138000", external_id="c-1")


def sent(customer: Customer, period: str = "1") -> Letter:
    told: dict[str, Any] = {
        "channel": "email",
        "purpose": "service",
        "occasion": "o",
        "period": period,
        "by_hand": False,
    }
    row = writing.write(customer, Words("s", "b", {}), at=timezone.now(), **told)
    for state in ("handing", "handed"):
        Letter.objects.filter(pk=row.pk).update(state=state, handed_at=timezone.now())
    return row


def test_a_system_of_the_mall_says_what_a_customer_agreed_to(api_for: ApiFor, li_lei: Customer) -> None:
    api = api_for(S.CONSENTS_READ, S.CONSENTS_WRITE)
    address = f"/api/v1/customers/{li_lei.number}/consents"

    assert api.get(address).json() == {"customer": li_lei.number, "consents": []}
    bare = api.post(address, OFFERS | {"state": "granted"}, format="json")
    assert (bare.status_code, bare.json()["errors"][0]["code"]) == (400, "no_proof")
    yes = OFFERS | {"state": "granted", "evidence": "form 12"}
    answers = [api.post(address, yes, format="json") for _turn in range(2)]
    assert [(answer.status_code, answer.json()["created"]) for answer in answers] == [(201, True), (200, False)]

    waits = writing.write(
        li_lei, Words("s", "b", {}), channel="email", purpose="marketing", occasion="o", period="1", at=timezone.now()
    )
    no = api.post(address, OFFERS | {"state": "withdrawn", "told_by": "spam"}, format="json").json()
    waits.refresh_from_db()
    assert (no["letters_withdrawn"], waits.state) == (1, "withdrawn")
    [held] = api.get(address).json()["consents"]
    assert (held["channel"], held["purpose"], held["state"]) == ("email", "marketing", "withdrawn")
    for wrong in ({"channel": "fax"}, {"state": "yes"}, {"purpose": "service"}, {"wording": "none", "evidence": "x"}):
        assert api.post(address, yes | wrong, format="json").status_code == 400


def test_receipts_in_any_order_by_id_or_message_id_within_reach(
    api_for: ApiFor, make_user: MakeUser, li_lei: Customer, make_customer: MakeCustomer
) -> None:
    one, two = sent(li_lei), sent(li_lei, "2")
    foreign = sent(make_customer("韩梅梅", external_id="c-2", email="h@example.com", manager=make_user(name="Zhao")))
    chen = make_user(name="Chen")
    Customer.objects.filter(pk=li_lei.pk).update(manager=chen, manager_since=li_lei.registered_on)
    at, nobody = timezone.now().isoformat(), str(uuid4())
    told = [
        {"id": str(one.pk), "state": "delivered", "at": at},
        {"id": str(one.pk), "state": "delivered", "at": at},
        {"id": str(one.pk), "state": "failed", "at": at},
        {"id": two.own_id.strip("<>"), "state": "failed", "code": "550", "at": at},
        {"id": str(foreign.pk), "state": "failed", "at": at},
        {"id": nobody, "state": "read", "at": at},
    ]

    answer = api_for(S.LETTERS_WRITE, user=chen).post("/api/v1/letters/receipts", {"receipts": told}, format="json")

    assert answer.json() == {"new": 3, "known": 1, "unknown": [str(foreign.pk), nobody]}
    states = [Letter.objects.get(pk=row.pk).state for row in (one, two, foreign)]
    assert states == ["delivered", "bounced", "handed"]


def test_a_reply_to_a_text_message(api_for: ApiFor, li_lei: Customer, make_user: MakeUser) -> None:
    api = api_for(S.CONSENTS_WRITE)
    at = timezone.now() - timedelta(minutes=1)
    consent.record(
        li_lei,
        {("sms", "marketing"): "granted"},
        source="shop",
        said_at=at - timedelta(days=1),
        at=at,
        evidence={"where": "till"},
    )

    def reply(text: str) -> dict[str, object]:
        sent = {"channel": "sms", "sender": "13800138000", "text": text, "at": at.isoformat()}
        return dict(api.post("/api/v1/consents/replies", sent, format="json").json())

    assert [reply("几点开门?"), reply("几点开门?")] == [
        {"stopped": 0, "noted": True},
        {"stopped": 0, "noted": False},
    ]
    assert Contact.objects.get().note == "几点开门?"
    assert reply("td") == {"stopped": 1, "noted": False}
    assert consent.states(li_lei)["sms", "marketing"].state == "withdrawn"
    lead = api_for(S.CONSENTS_WRITE, user=make_user(Role.ANALYST))
    body = {"channel": "sms", "sender": "13800138000", "text": "TD", "at": at.isoformat()}
    assert lead.post("/api/v1/consents/replies", body, format="json").json()["stopped"] == 0


def report(letter: Letter, address: str, **more: Any) -> dict[str, Any]:
    """As 163 writes it: without any Message-ID."""
    told = {
        "source": "mail",
        "source_ref": "<r1@163.com>",
        "channel": "email",
        "sender": {"email": "Postmaster@163.com"},
    }
    return told | {"subject": "系统退信", "text": f"收件人 {address}\n退信原因 无此用户 550 User not found"} | more


def test_23_a_mail_that_came_back_is_no_complaint(api_for: ApiFor, li_lei: Customer, make_user: MakeUser) -> None:
    row, older = sent(li_lei), sent(li_lei, "2")
    point = li_lei.contact_points.get(kind="email")
    Letter.objects.filter(pk__in=[row.pk, older.pk]).update(point=point)
    Letter.objects.filter(pk=older.pk).update(handed_at=timezone.now() - timedelta(hours=1))
    api = api_for(S.COMPLAINTS_WRITE)

    def tell(**more: Any) -> tuple[int, dict[str, Any]]:
        answer = api.post("/api/v1/complaints/inbound", report(row, "lilei@example.com", **more), format="json")
        return answer.status_code, dict(answer.json())

    said = {"action": "failed", "code": "5.1.1", "letters": 1}
    assert [tell(), tell()] == [(202, said | {"new": 1}), (202, said | {"new": 0})]
    states = [Letter.objects.get(pk=one.pk).state for one in (row, older)]
    assert (states, BadPoint.objects.get().point_id) == (["bounced", "handed"], point.pk)
    # The older one, by its Message-ID within the whole mail; of a letter that nobody knows nothing happens.
    whole = f"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nMessage-ID: {older.own_id}\n552 over quota\n"
    assert tell(source_ref="r2", text="-", mail=whole)[1]["letters"] == 1
    assert (Letter.objects.get(pk=older.pk).state, Letter.objects.get(pk=older.pk).reason) == ("bounced", "5.2.2")
    assert tell(source_ref="r3", text="收件人 nobody@example.com 无此用户")[1]["letters"] == 0
    # Nobody became a customer, nothing a case; who does not see the customer says nothing of their letters.
    assert (Customer.objects.count(), Case.objects.count()) == (1, 0)
    third = sent(li_lei, "3")
    foreign = api_for(S.COMPLAINTS_WRITE, user=make_user(name="Zhao"))
    told = report(third, "-", source_ref="r4", mail=whole.replace(older.own_id, third.own_id))
    assert foreign.post("/api/v1/complaints/inbound", told, format="json").json()["letters"] == 0


def test_the_shop_fetches_what_its_chat_shows_until_it_says_what_became_of_it(
    api_for: ApiFor, li_lei: Customer, settings: Any, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    api, zhao = api_for(S.LETTERS_WRITE), make_user(name="Zhao")
    address = "/api/v1/letters/waiting?channel=shop"
    assert api.get(address).status_code == 409
    settings.LETTER_SHOP_CHAT = True
    told: dict[str, Any] = {"channel": "shop", "purpose": "service", "occasion": "o", "at": timezone.now()}
    row = writing.write(li_lei, Words("订单", "已发出", {}), period="1", **told)
    resting = make_customer("韩梅梅", external_id="c-2", manager=zhao)
    other = writing.write(resting, Words("s", "b", {}), period="1", **told)
    consent.set_limits(resting, at=timezone.now(), restricted="asked for it")

    answers = [api.get(address).json()["results"] for _turn in range(2)]

    [[first], [again]] = answers
    assert (first, first["id"], first["customer"], first["text"]) == (again, str(row.pk), li_lei.number, "已发出")
    assert [Letter.objects.get(pk=one.pk).state for one in (row, other)] == ["handed", "blocked"]
    assert api_for(S.LETTERS_WRITE, user=zhao).get(address).json() == {"results": []}
    at = timezone.now().isoformat()
    receipt = {"receipts": [{"id": str(row.pk), "state": "delivered", "at": at}]}
    assert api.post("/api/v1/letters/receipts", receipt, format="json").json()["new"] == 1
    assert (api.get(address).json(), Letter.objects.get(pk=row.pk).state) == ({"results": []}, "delivered")
    assert api.get("/api/v1/letters/waiting?channel=sms").status_code == 400


def test_the_shop_is_told_once_that_a_letter_waits_without_its_words(li_lei: Customer, settings: Any) -> None:
    settings.LETTER_SHOP_CHAT, at = True, timezone.now()
    told: dict[str, Any] = {"channel": "shop", "purpose": "service", "occasion": "o", "period": "1", "at": at}
    row = writing.write(li_lei, Words("订单", "已发出", {}), **told)
    assert shop.announce(at=at, open_cases=who_complain) == 0
    by = User.objects.create(username="admin", roles=[Role.ADMINISTRATOR])
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    webhooks.register("http://localhost:9/", events=["letter.waiting"], by=by, at=at)

    for _turn in range(2):
        shop.announce(at=at, open_cases=who_complain)

    event = WebhookEvent.objects.get()
    assert event.data == {"letter": str(row.pk), "channel": "shop", "purpose": "service", "customer": li_lei.number}
