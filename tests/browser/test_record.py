"""Somebody is put on record, corrected and reached, on a desk and on a phone."""

import pytest

from customers.models import Customer
from tests.browser.conftest import MANAGER, SitDown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_manager_writes_a_record(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page, say = desk.page, desk.say
    desk.open("/customers/")
    page.get_by_role("link", name=say("New customer")).click()
    desk.fits()
    page.locator("#id_name").fill("韩梅梅")
    page.locator("#id_phone").fill("12")
    page.locator("#id_notes").fill("喜欢红茶")
    page.locator(".lk-form-foot .btn-primary").click()
    assert page.locator("#id_notes").input_value() == "喜欢红茶"
    page.locator("#id_phone").fill("139 0013 9000")
    page.locator("#id_phone").press("Control+Enter")
    page.wait_for_url("**/customers/*/")
    desk.fits()

    page.locator("#reach details summary").first.click()
    page.get_by_role("button", name=say("Wrong")).click()
    page.locator("#reach .lk-badge", has_text=say("Wrong")).wait_for()
    page.locator("[data-dialog=add-contact]").click()
    page.locator("#id_value").fill("13900139001")
    page.locator("#add-contact .btn-primary").click()
    page.locator("#reach", has_text="139****9001").wait_for()
    page.locator("a[href$='/edit/']").click()
    desk.fits()
    page.locator("#id_city").fill("杭州")
    page.locator(".lk-form-foot .btn-primary").click()
    page.wait_for_url("**/customers/*/")

    customer = Customer.objects.get(name="韩梅梅")
    assert (customer.city, customer.notes) == ("杭州", "喜欢红茶")
    assert sorted(customer.contact_points.values_list("mask", "retired")) == [
        ("139****9000", "wrong"),
        ("139****9001", ""),
    ]
