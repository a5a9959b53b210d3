"""What the page of a draw says of prizes of points, and that it is so."""

from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role
from crm.flows import tasks
from loyalty.campaigns import draws
from loyalty.campaigns.draws import PrizeFact
from loyalty.points import accounts as points
from loyalty.points import rules as point_rules
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import published


def test_the_page_says_what_points_wait_for_and_the_minute_after_it_they_are_there(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    at = timezone.now()
    li_lei = make_customer("李雷")
    prize = PrizeFact("百分", "points", 1_000_000, 5, Decimal("1.00"), points=100)
    lottery = published(prize, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=9))
    draws.draw(lottery.pk, li_lei, idem_key="1", at=at)
    client.force_login(make_user(Role.TEAM_LEAD))

    def page() -> str:
        return client.get(reverse("desk:draw", args=[lottery.pk])).content.decode()

    assert "1 prize of points is credited by itself once the mall gives points." in page()
    point_rules.save({"rate": Decimal(1)}, starts_at=at, by=None, reason="Tests", at=at)
    assert "1 prize of points is credited by itself.\n" in page()
    tasks.release_reservations()

    assert "credited by" not in page()
    assert points.balance(li_lei, at=timezone.now()).available == 100
