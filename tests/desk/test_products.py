"""What the mall sells, corrected by hand: what a source says later does not undo it."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.lib.errors import Invalid
from customers.models import Category, Order, Product
from customers.orders import LineFact
from customers.record import goods
from tests.conftest import NOW, MakeCustomer, MakeUser, RecordOrder
from tests.desk.forms import opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Zhou", team="East")
    client.force_login(user)
    return user


@pytest.fixture
def tea(db: None) -> Product:
    category = Category.objects.create(name="茶")
    return Product.objects.create(source="shop", external_id="P1", name="P1", category=category)


def test_a_product_is_corrected_on_its_page(client: Client, lead: User, tea: Product) -> None:
    address = reverse("desk:product", args=[tea.pk])
    typed = opened(client.get(address).context["form"]) | {
        "name": "龙井",
        "price": "88.00",
        "cost": "40",
        "picture": "https://cdn.example/p1.jpg",
    }

    assert client.post(address, typed).status_code == 302

    tea.refresh_from_db()
    assert (tea.name, tea.price, tea.cost, tea.by_hand) == ("龙井", Decimal("88.00"), Decimal("40.00"), ["name"])
    page = client.get(reverse("desk:products"), {"text": "龙"})
    assert "https://cdn.example/p1.jpg" in page.content.decode()
    assert "https:" in page.headers["Content-Security-Policy"].partition("img-src")[2].partition(";")[0]
    elsewhere = client.get(reverse("desk:customers")).headers["Content-Security-Policy"]
    assert "https:" not in elsewhere.partition("img-src")[2].partition(";")[0]


@pytest.mark.parametrize("picture", ["http://cdn.example/p1.jpg", "javascript:alert(1)", "ftp://x.example/a.png"])
def test_a_picture_lies_at_https(client: Client, lead: User, tea: Product, picture: str) -> None:
    address = reverse("desk:product", args=[tea.pk])

    refused = client.post(address, opened(client.get(address).context["form"]) | {"picture": picture})

    assert refused.status_code == 422
    with pytest.raises(Invalid):
        goods.change(tea, {"picture": picture}, by=lead, at=NOW)


def test_an_order_does_not_undo_a_correction(
    lead: User, tea: Product, make_customer: MakeCustomer, record_order: RecordOrder
) -> None:
    goods.change(tea, {"name": "龙井"}, by=lead, at=NOW)

    record_order(make_customer("李雷"), lines=(LineFact("P1", 1, Decimal("10.00"), name="long jing", category="绿茶"),))

    tea.refresh_from_db()
    assert (tea.name, tea.category.name if tea.category else "") == ("龙井", "绿茶")


def test_two_names_of_one_category_are_merged_and_past_orders_count_it_once(
    client: Client, lead: User, tea: Product, make_customer: MakeCustomer, record_order: RecordOrder
) -> None:
    lines = (
        LineFact("P1", 1, Decimal("10.00"), category="茶"),
        LineFact("P2", 1, Decimal("10.00"), category="茶叶"),
    )
    record_order(make_customer("李雷"), lines=lines)
    leaves = Category.objects.get(name="茶叶")
    assert Order.objects.get().category_mask.bit_count() == 2

    taken = client.post(reverse("desk:category_rename", args=[leaves.pk]), {"name": "茶"})
    assert taken.status_code == 422
    assert "Merge the two" in taken.content.decode()
    assert tea.category is not None
    client.post(reverse("desk:category_merge", args=[leaves.pk]), {"into": tea.category.pk})

    assert Category.objects.get() == tea.category
    assert Order.objects.get().category_mask.bit_count() == 1
    record_order(make_customer("李雷"), lines=lines)
    assert Product.objects.get(external_id="P2").category == tea.category


def test_a_code_is_taken_once_and_a_cost_is_seen_by_few(
    client: Client, lead: User, tea: Product, make_user: MakeUser
) -> None:
    Product.objects.update(cost=Decimal("77.31"))
    typed = {"source": "shop", "external_id": "P1", "name": "x"}
    refused = client.post(reverse("desk:product_new"), typed)
    assert refused.status_code == 422
    client.post(reverse("desk:product_new"), typed | {"external_id": "P9", "price": "1"})
    assert Product.objects.get(external_id="P9").price == Decimal("1.00")

    assert "77.31" in client.get(reverse("desk:products")).content.decode()
    client.force_login(make_user(Role.SERVICE_LEAD))
    assert "77.31" not in client.get(reverse("desk:products")).content.decode()
