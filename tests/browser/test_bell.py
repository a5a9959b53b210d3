"""The bell, the digest and the approvals at a real browser: by keys, on a phone, and in Chinese."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from complaints.cases import notices
from core.accounts.models import Role, User
from core.outbox import bell, delivery
from customers.models import Customer
from loyalty.models import PointAdjustment
from loyalty.points import adjustments
from loyalty.points import rules as point_rules
from tests.browser.conftest import Desk, SitDown

# Where pictures are put when somebody wants to look at the pages.
PICTURES = os.environ.get("LAOKE_PICTURES", "")


def tell(user: User, n: int) -> None:
    told = {"number": f"C-{n}", "name": "周敏"}
    delivery.tell([user.pk], notices.TAKEN, told, key=f"t{n}", thread=f"case:{n}", at=timezone.now(), link="/alerts/")


def keep(desk: Desk, name: str) -> None:
    """Both widths fit; and a picture of each, if wanted."""
    desk.fits()
    if PICTURES:
        for width in (1440, 390):
            desk.page.set_viewport_size({"width": width, "height": 900})
            desk.page.screenshot(path=str(Path(PICTURES, f"{name}-{desk.language}-{width}.png")), full_page=True)
        desk.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_bell_is_worked_off_by_keys(sit_down: SitDown, language: str) -> None:
    desk = sit_down("chen", language)
    for n in range(3):
        tell(desk.user, n)
    waiting = bell.count(desk.user)
    page = desk.page

    desk.open("/")
    assert page.locator("#bell-count").inner_text().strip() == str(waiting)
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url("**/bell/")
    keep(desk, "bell")
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.locator(".lk-toast").first.wait_for()
    page.keyboard.press("E")
    page.get_by_text(desk.say("Nothing needs you")).wait_for()

    assert bell.count(desk.user) == 0
    keep(desk, "bell-empty")
    desk.open("/bell/settings/")
    keep(desk, "bell-settings")
    desk.open("/digest/")
    keep(desk, "digest")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_lead_decides_on_the_list(sit_down: SitDown, language: str) -> None:
    manager = User.objects.get(username="chen")
    customer = Customer.objects.filter(manager=manager).order_by("pk")[0]
    lead = User.objects.filter(roles__contains=[Role.TEAM_LEAD], team=manager.team)[0]
    start = timezone.now() - timedelta(days=1)
    point_rules.save({"rate": 1}, starts_at=start, by=None, reason="Tests", at=start)
    for n in range(2):
        adjustments.request(
            customer, 5000 + n, reason=f"补偿迟到 {n}", client_key=str(n), by=manager, at=timezone.now()
        )
    desk = sit_down(lead.username, language)
    page = desk.page

    desk.open("/approvals/")
    keep(desk, "approvals")
    page.keyboard.press("j")
    page.keyboard.press("y")
    page.get_by_text(desk.say("Approved")).first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("n")
    page.locator("dialog[open] input[name=reason]").fill("太多")
    page.locator("dialog[open] .btn-danger").click()
    page.get_by_text(desk.say("Refused")).first.wait_for()

    states = PointAdjustment.objects.filter(by=manager, reason__startswith="补偿迟到").values_list("state", flat=True)
    assert sorted(states) == ["done", "refused"]
