"""What an administrator sees when something burns: a banner above the pages, and a page that says what to do."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from crm.operating.watch import looking
from tests.browser.conftest import ADMINISTRATOR, SitDown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_banner_leads_to_what_is_not_as_it_should_be(sit_down: SitDown) -> None:
    at = timezone.now()
    looking.note(looking.see(at=at - timedelta(hours=1)), at=at - timedelta(hours=1))
    looking.note(looking.see(at=at), at=at)
    desk = sit_down(ADMINISTRATOR, "zh-hans")

    desk.open("/settings/")
    desk.page.click(".lk-notice a[href='/health/']")

    desk.page.wait_for_url("**/health/")
    expect(desk.page.locator(".lk-notice[data-tone=red]").first).to_be_visible()
    desk.fits()
    desk.open("/audit/months/")
    desk.fits()
