"""A file of orders, dropped in as it came: one press when it is known, questions in words when something is open."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from customers.models import Order
from tests.browser.conftest import ADMINISTRATOR, SitDown

EXPORTS = Path(__file__).parents[1] / "data" / "exports"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_known_export_goes_in_with_one_press_and_an_open_one_asks(sit_down: SitDown, language: str) -> None:
    desk = sit_down(ADMINISTRATOR, language)
    page = desk.page

    desk.open("/imports/")
    page.fill("[name=source]", "taobao")
    page.set_input_files("[name=file]", next(EXPORTS.glob("01-*")))
    page.get_by_role("button", name=desk.say("Upload")).click()
    expect(page.get_by_text("淘宝 / 天猫 · Taobao / Tmall").first).to_be_visible()
    desk.fits()
    page.get_by_role("button", name=desk.say("Import"), exact=True).click()
    page.wait_for_load_state()
    assert Order.objects.filter(source="taobao").count() == 5

    desk.open("/imports/")
    page.fill("[name=source]", "words")
    page.set_input_files("[name=file]", next(EXPORTS.glob("16-*")))
    page.get_by_role("button", name=desk.say("Upload")).click()
    question = page.get_by_label(desk.say("“%(word)s” (× %(count)d)", word="1", count=1))
    question.select_option("cancelled")
    desk.fits()
    page.get_by_role("button", name=desk.say("Import"), exact=True).click()
    page.wait_for_load_state()
    assert Order.objects.filter(source="words").count() == 59

    desk.open("/imports/profiles/")
    expect(page.get_by_role("link", name=desk.say("Export"))).to_have_count(2)
    desk.fits()
