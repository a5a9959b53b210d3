"""Letters and consents for the stories."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import pytest

from core.accounts.models import Role, User
from customers.letters import consent, writing
from customers.letters.writing import Words
from customers.models import Customer, Letter
from tests.conftest import MakeCustomer, MakeUser
from tests.customers.letters import NOON


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", email="lilei@example.com", phone="13800138000", external_id="c-1")


@pytest.fixture
def mina(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD)


def nobody_complains(ids: Collection[int]) -> set[int]:
    return set()


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def agree(customer: Customer, *kinds: tuple[str, str], when: datetime = NOON, state: str = "granted") -> None:
    told = dict.fromkeys(kinds or (("email", "marketing"),), state)
    consent.record(customer, told, source="staff", said_at=when, at=when, evidence={"where": "till"})


def letter(customer: Customer, purpose: str = "marketing", period: str = "1", **more: Any) -> Letter:
    told: dict[str, Any] = {"channel": "email", "occasion": "story", "at": NOON, "by_hand": False} | more
    words = Words("Tea", "New tea is here", {})
    return writing.write(customer, words, purpose=purpose, period=period, **told)
