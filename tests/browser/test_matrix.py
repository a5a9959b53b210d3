"""The value matrix, looked at."""

import pytest
from playwright.sync_api import expect

from crm.desk.today import today
from segmentation import queries
from tests.browser.conftest import MANAGER, SitDown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_quadrant_opens_the_list_it_counts(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page = desk.page
    desk.open("/matrix/")
    desk.drawn()
    desk.fits()
    figures = queries.quadrants(queries.standings(desk.user, today()))
    dots = len(queries.matrix_points(desk.user, today()))

    # Each customer is a dot in the scatter, and each dot has its place in the drawing.
    shown = page.evaluate("JSON.parse(document.getElementById('matrix').textContent).points.length")
    assert shown == dots == sum(quadrant.customers for quadrant in figures.values()) > 0
    assert page.locator("[data-chart=matrix] svg path").count() > dots
    expect(page.locator("[data-chart=concentration] svg path").first).to_be_attached()

    for code, quadrant in figures.items():
        tile = page.locator(f".lk-quadrant[data-type='{code}'] a")
        expect(tile).to_have_text(str(quadrant.customers))
        tile.click()
        page.wait_for_url(f"**/customers/?matrix_type={code}")
        expect(page.locator("tbody[data-rows] > tr")).to_have_count(quadrant.customers)
        page.go_back()
    desk.open("/customers/?matrix_type=4")
    desk.fits()
