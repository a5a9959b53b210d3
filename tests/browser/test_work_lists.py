"""Cases, alerts and orders as lists: filtered by keyboard, columns put into another order, whole on a phone."""

import os

from playwright.sync_api import expect

from core.accounts.models import Role, User
from tests.browser.conftest import MANAGER, PHONE, WIDE, SitDown


def test_the_lists_of_work_are_narrowed_by_keyboard_and_fit_a_phone(sit_down: SitDown) -> None:
    User.objects.filter(username=MANAGER).update(roles=[Role.TEAM_LEAD, Role.SERVICE_LEAD])
    desk = sit_down(MANAGER, "zh-hans")
    page, shots = desk.page, os.environ.get("SHOTS")

    for name, address in (("cases", "/complaints/?view=every"), ("alerts", "/alerts/"), ("orders", "/orders/")):
        desk.open(address)
        expect(page.locator("tbody[data-rows] tr, .lk-empty").first).to_be_visible()
        desk.fits()
        if shots:
            for size in (WIDE, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                page.screenshot(path=f"{shots}/{name}-{size['width']}.png")
            page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    desk.open("/alerts/")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    before = page.locator("tbody[data-rows] tr").count()
    page.keyboard.press("f")
    expect(page.locator("#id_set")).to_be_focused()
    page.locator("#id_set").select_option("kind")
    page.locator("#new-condition input[value=long_absence]").check()
    page.locator("#new-condition button").press("Enter")
    page.wait_for_url("**kind=any.long_absence**")
    assert page.locator("tbody[data-rows] tr").count() <= before
    if shots:
        page.screenshot(path=f"{shots}/alerts-chips.png")

    page.keyboard.press(",")
    dialog = page.locator("dialog#columns")
    names = dialog.locator("li .lk-check span")
    first, second = names.nth(0).inner_text(), names.nth(1).inner_text()
    dialog.locator("[data-move=down]").first.press("Enter")
    assert [names.nth(0).inner_text(), names.nth(1).inner_text()] == [second, first]
    expect(dialog.locator("li").nth(1).locator("[data-move=down]")).to_be_focused()
    dialog.locator("#id_density").select_option("wide")
    if shots:
        page.screenshot(path=f"{shots}/columns.png")
    dialog.locator(".lk-form-foot .btn-primary").press("Enter")
    heads = page.locator("table.is-wide thead th a, table.is-wide thead th")
    expect(page.locator("table.lk-list.is-wide")).to_be_visible()
    shown = [text.strip() for text in heads.all_inner_texts() if text.strip()]
    assert shown.index(second) < shown.index(first)
