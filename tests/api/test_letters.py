"""REST about letters: consents, receipts and replies of the mall's systems, each within the token's reach."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.accounts.models import Role
from core.accounts.roles import ApiScope as S
from customers.letters import consent, writing
from customers.letters.writing import Words
from customers.models import Contact, Customer, Letter
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
