"""A segment is built at a desk, by keys alone, and on a phone; the count follows what is typed."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from segmentation.models import Segment
from tests.browser.conftest import Desk, SitDown


def drawn_anew(desk: Desk, deed: Callable[[], object]) -> None:
    """The deed, and the lines that come back."""
    with desk.page.expect_response("**/segments/draft/", timeout=30_000):
        deed()
    expect(desk.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    desk.page.wait_for_timeout(150)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_lead_builds_a_segment_and_asks_why(sit_down: SitDown, language: str) -> None:
    desk = sit_down("lead", language)
    page = desk.page
    desk.open("/segments/")
    desk.fits()
    desk.open("/segments/new/")
    drawn_anew(desk, lambda: page.select_option("[id='t-0:field']", "class"))
    page.locator("[id='t-0:v:1']").check()
    number = page.locator("#segment-count .lk-big-number")
    drawn_anew(desk, page.locator("button[value='group t']").click)
    drawn_anew(desk, lambda: page.select_option("[id='t-1-0:field']", "quiet"))
    drawn_anew(desk, lambda: page.select_option("[id='t-1-0:op']", "gt"))
    page.fill("[id='t-1-0:v']", "5")
    expect(page.locator("#segment-count .lk-sentence")).to_contain_text("5")
    # What is typed faster than it is counted: only the last one stays.
    page.locator("[id='t-1-0:v']").press_sequentially("0", delay=20)
    expect(page.locator("#segment-count .lk-sentence")).to_contain_text("50")
    page.locator("button[value='condition t']").click()
    expect(page.locator(".is-unfinished")).to_have_count(1)
    desk.fits()
    page.locator("button[value='remove t-2']").click()
    expect(page.locator(".is-unfinished")).to_have_count(0)
    shown = number.inner_text()
    page.fill("[name=name]", "安静的大客户")
    page.get_by_role("button", name=desk.say("Store the segment")).click()
    expect(number).to_have_text(shown)
    page.get_by_role("button", name=desk.say("Keep its history")).click()
    desk.fits()
    assert Segment.objects.get(name="安静的大客户").days.get().size == int(shown.replace(",", ""))
    page.locator("#segment-count .lk-stack p a").first.click()
    number_of = page.url.rstrip("/").rsplit("/", 1)[1]
    desk.open(f"/segments/of/an-jing-de-da-ke-hu/why/{number_of}/")
    expect(page.locator(".lk-mark[data-holds=no]")).to_have_count(0)
    desk.fits()


def test_what_is_built_is_there_on_a_slow_server_and_after_a_session_that_ended(sit_down: SitDown) -> None:
    desk = sit_down("lead", "en")
    page = desk.page

    def late(route: Route) -> None:
        time.sleep(0.4)  # longer than a count waits
        route.continue_()

    desk.open("/segments/new/")
    page.route("**/segments/draft/", late)
    page.select_option("[id='t-0:field']", "quiet")
    page.fill("[id='t-0:v']", "5")
    page.select_option("[id='t-0:op']", "gt")
    page.fill("[id='t-0:v']", "60")  # typed before the lines come back
    expect(page.locator("#segment-count .lk-sentence")).to_contain_text("more than 60")
    page.locator("button[value='condition t']").click()
    page.select_option("[id='t-1:field']", "class")
    page.locator("[id='t-1:v:1']").check()
    page.fill("[name=name]", "Quiet for long")
    expect(page.locator("#segment-count .lk-sentence")).to_contain_text(", and ")
    session = next(cookie for cookie in page.context.cookies() if cookie.get("name") == "sessionid")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Store the segment").click()
    page.wait_for_url("**/accounts/login/**")

    page.context.add_cookies([{"name": "sessionid", "value": str(session.get("value")), "url": desk.url}])
    desk.open("/segments/new/")

    expect(page.locator("[name=name]")).to_have_value("Quiet for long")
    expect(page.locator("[id='t-0:v']")).to_have_value("60")
    expect(page.locator("[id='t-1:v:1']")).to_be_checked()
    page.get_by_role("button", name="Store the segment").click()
    page.wait_for_url("**/segments/of/quiet-for-long/")
    desk.open("/segments/new/")
    expect(page.locator("[name=name]")).to_have_value("")
