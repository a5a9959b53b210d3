"""The pages of the team as a browser draws them: who is away, a hand-over with its packs, the team at a glance."""

import os
from pathlib import Path

import pytest

from core.accounts.models import Absence
from crm.demo import books
from crm.desk.today import today
from customers.models import BookHandOver
from tests.browser.conftest import PHONE, WIDE, SitDown

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_the_team_fit_a_desk_and_a_telephone(sit_down: SitDown, language: str) -> None:
    books.fill(today())
    lead = sit_down("lead", language)
    lead.page.set_default_timeout(60_000)
    proposal = BookHandOver.objects.get(ended_at=None)
    leave = Absence.objects.get(ends_on__gte=today())
    pages = [
        "/team/",
        "/leaves/",
        f"/leaves/{leave.pk}/",
        "/hand-overs/",
        f"/hand-overs/{proposal.pk}/",
        "/books/entry/",
    ]
    for address in pages:
        lead.open(address)
        _look(lead, address)
        lead.fits()
    zhao = sit_down("zhao", language)
    zhao.page.set_default_timeout(60_000)
    for address in ("/", f"/hand-overs/{proposal.pk}/"):
        zhao.open(address)
        _look(zhao, f"zhao{address}")
        zhao.fits()
    zhao.page.get_by_role("checkbox").first.check()
    zhao.page.get_by_role("button", name=zhao.say("Accept the ticked")).click()
    zhao.page.wait_for_load_state()
    assert proposal.lines.filter(state="accepted").count() == 1


def _look(desk: object, address: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    folder = os.environ.get("LAOKE_PICTURES")
    if folder:
        for name, size in (("wide", WIDE), ("phone", PHONE)):
            desk.page.set_viewport_size(size)  # type: ignore[attr-defined]
            path = Path(folder) / f"{desk.language}{address.replace('/', '_')}{name}.png"  # type: ignore[attr-defined]
            desk.page.screenshot(path=path, full_page=True)  # type: ignore[attr-defined]
