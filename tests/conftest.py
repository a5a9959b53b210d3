"""People and things for the stories: small factories, each a fixture that returns a function."""

import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.core.cache import cache
from django.db.backends.postgresql.operations import DatabaseOperations
from django.utils import timezone, translation
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from core.accounts import tokens
from core.accounts.models import Role, Team, User
from core.accounts.roles import ApiScope
from core.lib import mall
from customers import identity
from customers.identity import CustomerRef
from customers.models import Customer, Order
from customers.orders import OrderFact, Recorded
from customers.record import life_dates
from tests import recording

# A Tuesday. At noon in UTC it is evening of the same day in the mall.
TODAY = date(2026, 11, 17)
NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
LI_LEI = CustomerRef(source="shop", external_id="c-1", name="李雷")
PASSWORD = "a long enough passphrase"

MakeUser = Callable[..., User]
MakeCustomer = Callable[..., Customer]
MakeOrder = Callable[..., Order]
RecordOrder = Callable[..., Recorded]
ApiFor = Callable[..., APIClient]

# Files of few tests that take minutes, by the processor time they took: begun last, one of them would run alone at the
# end.
LONG = [
    *("demo/test_reachable.py", "api/contract/test_hostile.py", "browser/test_days.py", "desk/test_hostile.py"),
    *("api/contract/test_contract.py", "api/contract/test_matrix.py", "browser/story/test_story.py"),
    *("browser/test_moving_in.py", "reference/test_complete_journey.py", "demo/test_commands.py", "desk/test_masks.py"),
    *("faults/test_load.py", "faults/test_kills.py", "plans/test_plans.py", "browser/test_ten_calls.py"),
    *("flows/test_bulk.py", "loyalty/tiers/test_whatif.py", "customers/letters/test_ten_thousand.py"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first; the processes of a whole run then end at about the same time."""
    rank = {f"tests/{name}": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported stays to the end: looking through it for garbage took a tenth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture(autouse=True)
def _local_cache(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()  # the memory outlives the test


@pytest.fixture(autouse=True)
def _language_of_nobody() -> Iterator[None]:
    """A request leaves its language behind in the thread."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _mall_of_the_environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that set up a mall of their own ask for `mall_row`; for all others the settings of Django are the mall."""
    mall.forget()
    if "mall_row" not in request.fixturenames:
        monkeypatch.setattr(mall, "stored_facts", lambda before: None)
    yield
    mall.forget()


@pytest.fixture
def mall_row(db: None) -> None:
    """The mall is what its row says."""


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True, scope="session")
def _flush_past_the_audit_trail() -> Iterator[None]:
    """Tests with real transactions end with a TRUNCATE of every table, which the audit trail refuses."""
    flush = DatabaseOperations.execute_sql_flush

    def flush_all(self: DatabaseOperations, sql_list: list[str]) -> None:
        with pgtrigger.ignore("accounts.AuditEntry:never_emptied"):
            flush(self, sql_list)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_all)
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_looked_up_once() -> Iterator[None]:
    """Each client of a test sets up the middleware anew, which would look through the folder of static files again."""
    look, files = WhiteNoiseMiddleware.add_files_from_finders, dict[str, object]()

    def look_once(self: WhiteNoiseMiddleware) -> None:
        if not files:
            look(self)
            files.update(self.files)
        self.files.update(files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture
def make_user(db: None) -> MakeUser:
    def make(
        role: str = Role.ACCOUNT_MANAGER, name: str = "", *, roles: Sequence[str] = (), team: str = "", **fields: Any
    ) -> User:
        name = name or f"{role}-{User.objects.count()}"
        where = Team.objects.get_or_create(name=team)[0] if team else None
        return User.objects.create_user(
            username=name.lower().replace(" ", "-"),
            password=PASSWORD,
            full_name=name,
            roles=[*roles] or [role],
            team=where,
            **fields,
        )

    return make


@pytest.fixture
def make_customer(db: None) -> MakeCustomer:
    def make(
        name: str = "李雷",
        *,
        manager: User | None = None,
        phone: str = "",
        email: str = "",
        external_id: str = "",
        source: str = "shop",
        registered_on: date = date(2024, 1, 1),
        **fields: Any,
    ) -> Customer:
        ref = CustomerRef(
            source=source,
            external_id=external_id or f"id of {name}",
            phone=phone,
            email=email,
            name=name,
            registered_on=registered_on,
        )
        customer = identity.find_or_create(ref, today=TODAY)
        if manager:
            fields |= {"manager": manager, "manager_since": registered_on}
            customer.standing.manager = manager
            customer.standing.save()
        if "birthday" in fields:
            life_dates.say_birthday(customer, fields.pop("birthday"), by=None, at=NOW, source="page")
        for field, value in fields.items():
            setattr(customer, field, value)
        customer.save()
        return customer

    return make


@pytest.fixture
def record_order(db: None) -> RecordOrder:
    """Through the front door: record_order with everything filled in that the story does not mention."""
    numbers = itertools.count(1)

    def record(customer: Customer | CustomerRef = LI_LEI, *, today: date = TODAY, **fields: Any) -> Recorded:
        who = customer if isinstance(customer, CustomerRef) else CustomerRef(number=customer.number)
        told = {
            "source": "shop",
            "external_id": f"o-{next(numbers)}",
            "version": 1,
            "customer": who,
            "ordered_at": datetime(2026, 11, 1, 4, tzinfo=UTC),
            "paid": Decimal("100.00"),
            "cost": Decimal("60.00"),
        }
        return recording.record_order(OrderFact(**(told | fields)), at=NOW, today=today)

    return record


@pytest.fixture
def make_order(record_order: RecordOrder) -> MakeOrder:
    """A paid order of this customer on that mall-local day."""

    def make(customer: Customer, on: date = TODAY - timedelta(days=7), paid: str = "100.00", **fields: Any) -> Order:
        noon = datetime(on.year, on.month, on.day, 4, tzinfo=UTC)
        return record_order(customer, ordered_at=noon, paid=Decimal(paid), **{"cost": Decimal(0)} | fields).order

    return make


@pytest.fixture
def api_for(make_user: MakeUser) -> ApiFor:
    """A REST client whose token holds these scopes, and works with the rights of `user` (unless told, a shop's)."""

    def make(*scopes: ApiScope, user: User | None = None) -> APIClient:
        _token, secret = tokens.issue(
            user or make_user(Role.CLIENT), name="shop", scopes=list(scopes), at=timezone.now()
        )
        client = APIClient(raise_request_exception=True)
        client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return client

    return make
