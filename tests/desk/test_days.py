"""Browsers leave an input for a day empty unless it is filled in the ISO form."""

from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from core.accounts.models import Role
from crm.desk.days import DayInput, MomentInput
from tests.conftest import MakeUser


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_a_day_and_a_moment_are_written_for_the_browser_in_every_language(language: str) -> None:
    with translation.override(language):
        day = DayInput().render("day", date(2026, 11, 30))
        moment = MomentInput().render("at", datetime(2026, 11, 30, 14, 5))

    assert day == '<input type="date" name="day" value="2026-11-30">'
    assert moment == '<input type="datetime-local" name="at" value="2026-11-30T14:05">'


def test_the_period_of_the_figures_is_filled_on_a_chinese_page(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.SERVICE_LEAD, "Zheng"))
    client.cookies["django_language"] = "zh-hans"

    page = client.get(reverse("desk:complaint_reports"), {"since": "2026-11-01", "until": "2026-11-30"})

    assert 'value="2026-11-01"' in page.content.decode()
