"""The one question to a customer is answered at a phone, with cookies or without, and moves the figure of the desk."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import BrowserType, Page, expect

from complaints.afterwards import reports
from complaints.afterwards.reports import Period
from complaints.cases import lifecycle, surveys
from complaints.models import Case, RootCause
from core.accounts.models import Role, User
from tests.browser.conftest import PHONE
from tests.browser.story.conftest import World

Launch = dict[str, Any]


@pytest.fixture(params=["with cookies", "without cookies"])
def phone(
    world: World,
    request: pytest.FixtureRequest,
    browser_type: BrowserType,
    browser_type_launch_args: Launch,
    tmp_path: Path,
) -> Iterator[Page]:
    """The browser of a customer, who may have switched all cookies off."""
    looks: Launch = {"base_url": world.url, "viewport": PHONE, "is_mobile": True, "has_touch": True}
    if request.param == "with cookies":
        context = world.browser.new_context(**looks)
    else:
        settings = tmp_path / "Default" / "Preferences"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}}))
        context = browser_type.launch_persistent_context(tmp_path, **browser_type_launch_args, **looks)
    yield context.new_page()
    context.close()


def asked(case: Case, by: User) -> str:
    """The address of the question about the case, which is solved."""
    at = timezone.now()
    cause = RootCause.objects.get(code="carrier-late")
    lifecycle.resolve(
        case.pk,
        by=by,
        at=at,
        outcome="fixed",
        justified="justified",
        resolution="已重发",
        reply="已重发",
        root_cause=cause,
    )
    return reverse("survey", args=[surveys.send(case.surveys.get().pk, at=at)])


def test_a_customer_answers_by_phone_and_the_figure_moves(world: World, phone: Page) -> None:
    at = timezone.now()
    today = Period(at - timedelta(days=1), at + timedelta(days=1))
    phone.goto(asked(world.cases[0], world.users[0]))
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    phone.get_by_text("Not content").tap()
    phone.get_by_text("No", exact=True).tap()
    phone.get_by_role("button", name="Send").tap()

    expect(phone.get_by_role("heading", name="Thank you")).to_be_visible()
    head = User.objects.create_user("head", roles=[Role.SERVICE_LEAD])
    assert [(row.answered.count, row.mean) for row in reports.satisfaction(head, today, at)] == [(1, 2.0)]
    if shots := os.environ.get("SHOTS"):
        phone.screenshot(path=f"{shots}/survey.png")
