"""A manager works a list with the keyboard alone: finds, ticks, labels, takes away, undoes; and on a phone by touch."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.jobs.models import BulkRun
from customers.models import CustomerLabel
from tests.browser.conftest import MANAGER, PHONE, WIDE, Desk, SitDown

SHOTS = os.environ.get("SHOTS", "")


def shot(desk: Desk, name: str) -> None:
    """To be looked at by somebody, where they ask for it."""
    if SHOTS:
        desk.page.screenshot(path=str(Path(SHOTS) / f"{name}-{desk.language}.png"))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_38_a_list_is_labelled_taken_away_and_undone_by_keys(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page, press = desk.page, desk.page.keyboard.press
    desk.open("/customers/?class=big")
    for key in ("j", "x", "j", "j", "j", "X"):
        press(key)
    bar = page.locator("#bulk-bar")
    expect(bar.locator("[data-chosen]")).to_have_text(desk.say("{n} chosen").replace("{n}", "4"))
    shot(desk, "bulk-bar")
    press("b")
    press("Tab")
    press("Enter")  # Label…
    drawer = page.locator("#drawer")
    expect(drawer).to_be_visible()
    drawer.locator("[name=name]").fill("双十一")
    shot(desk, "bulk-label")
    press("Enter")
    expect(page.locator(".lk-toast")).to_contain_text("双十一")
    assert CustomerLabel.objects.count() == 4
    shot(desk, "bulk-done")
    press("u")
    page.wait_for_url("**/bulk/*/")
    assert CustomerLabel.objects.count() == 0
    shot(desk, "bulk-undone")
    desk.fits()

    desk.open("/customers/?class=big")
    press("e")
    expect(drawer).to_be_visible()
    drawer.locator("[name=purpose]").select_option("calls")
    shot(desk, "bulk-export")
    drawer.locator("button.btn-primary").click()
    page.wait_for_url("**/bulk/*/")
    shot(desk, "bulk-run")
    with page.expect_download() as file:
        page.locator("#bulk-run button.btn-primary").click()
    assert file.value.suggested_filename.endswith(".xlsx")
    assert BulkRun.objects.latest("pk").fetched_at is not None

    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    desk.open("/customers/?class=big")
    page.locator("[data-tick-mode]").click()
    box = page.locator(".lk-tick-cell label").nth(1)
    size = box.bounding_box()
    assert size is not None
    assert min(size["width"], size["height"]) >= 44
    box.click()
    expect(bar).to_be_visible()
    shot(desk, "bulk-phone")
    desk.fits()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_palette_opens_a_page_and_a_customer_by_keys(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page, press = desk.page, desk.page.keyboard.press
    desk.open("/customers/")
    press("Control+k")
    palette = page.locator("#palette")
    expect(palette).to_be_visible()
    page.keyboard.type("biaoqian" if language == "zh-hans" else "Labe")
    expect(palette.locator("[role=option]").first).to_contain_text(desk.say("Labels"))
    shot(desk, "palette")
    press("ArrowDown")
    press("Enter")
    page.wait_for_url("**/labels/")
    shot(desk, "labels")
    desk.fits()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    press("/")
    press("Escape")
    expect(palette).to_be_hidden()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    desk.open("/customers/")
    press("/")
    expect(palette).to_be_visible()
    shot(desk, "palette-phone")
