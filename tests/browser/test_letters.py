"""What goes out to customers, on a desk and on a phone: the stop, what a customer agreed to, and their own page."""

from typing import Any

import pytest
from django.utils import timezone

from customers.letters import writing
from customers.letters.writing import Words
from customers.models import Consent, Customer, Letter
from tests.browser.conftest import PHONE, SitDown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LEAD = "lead"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_lead_stops_letters_and_a_customer_chooses(sit_down: SitDown, language: str) -> None:
    desk = sit_down(LEAD, language)
    page, say = desk.page, desk.say
    customer = Customer.objects.filter(manager__team=desk.user.team).order_by("pk")[0]
    at = timezone.now()
    told: dict[str, Any] = {"purpose": "service", "occasion": "story", "at": at}
    writing.write(customer, Words("您好", "马上换一个", {}), channel="wechat", period="1", **told)
    offer = writing.write(
        customer,
        Words("秋茶", "到了", {}),
        channel="email",
        by_hand=False,
        **told | {"purpose": "marketing", "period": "2"},
    )
    desk.open("/letters/")
    desk.fits()
    page.locator(".lk-header-actions .btn-danger").click()
    page.locator(".lk-notice input[name=reason]").fill("价格写错了")
    page.locator(".lk-notice .btn-primary").click()
    page.get_by_text(say("It goes on, with what is still in time.")).wait_for()

    page.locator(f"a[href='/customers/{customer.pk}/letters/']").first.click()
    desk.fits()
    page.locator("[data-dialog=consent]").click()
    page.locator("#consent #id_where").fill("电话里说的")
    page.locator("#consent .btn-primary").click()
    page.get_by_text(say("On record.")).wait_for()
    assert Consent.objects.get().state == "granted"
    page.locator("table a[href^='/letters/']").last.click()
    desk.fits()

    page.context.clear_cookies()
    desk.open(f"/c/{offer.reply_token}?l={language}")
    desk.fits()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.locator(".lk-choices-stop").bounding_box()["height"] >= 48  # type: ignore[index]
    page.locator(".lk-choices-stop").click()
    page.locator(".lk-choices-done").wait_for()
    assert (Consent.objects.get(channel="email", purpose="marketing").state, Letter.objects.get(pk=offer.pk).state) == (
        "withdrawn",
        "withdrawn",
    )
