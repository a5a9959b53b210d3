"""Saving the rules of the night: only what was previewed, as things stand."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from core.lib.errors import DomainError, Invalid
from crm.flows import nightly
from segmentation import rules, whatif
from segmentation.models import Night, RuleSet
from tests.conftest import MakeCustomer, MakeOrder

TUESDAY = date(2026, 11, 17)
DRAFT = {**rules.DEFAULTS, "big_share": 0.7}


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def save(draft: dict[str, Any], previewed: str, *, on: date = TUESDAY, reason: str = "fewer big customers") -> RuleSet:
    return rules.save(draft, previewed=previewed, by=None, reason=reason, at=noon(on))


@pytest.mark.django_db
def test_what_was_previewed_is_saved() -> None:
    saved = save(DRAFT, rules.digest(DRAFT, on=TUESDAY))

    assert (saved.version, saved.parameters["big_share"]) == (2, 0.7)
    assert rules.current() == saved


@pytest.mark.django_db
@pytest.mark.parametrize("previewed", ["", "0" * 64])
def test_what_was_not_previewed_is_refused(previewed: str) -> None:
    with pytest.raises(DomainError, match="These rules have not been previewed yet") as refusal:
        save(DRAFT, previewed)

    assert (refusal.value.code, refusal.value.status) == ("not_previewed", 409)
    assert rules.current().version == 1


@pytest.mark.django_db
def test_the_preview_of_other_rules_is_none() -> None:
    other = rules.digest({**DRAFT, "big_share": 0.6}, on=TUESDAY)

    with pytest.raises(DomainError, match="not been previewed"):
        save(DRAFT, other)


@pytest.mark.django_db
def test_a_preview_does_not_outlive_the_version_it_was_compared_with() -> None:
    seen = rules.digest({**DRAFT, "big_cap": 0.2}, on=TUESDAY)
    save(DRAFT, rules.digest(DRAFT, on=TUESDAY))

    with pytest.raises(DomainError, match="not been previewed"):
        save({**DRAFT, "big_cap": 0.2}, seen)
    assert rules.current().version == 2


@pytest.mark.django_db
def test_a_preview_does_not_outlive_its_day() -> None:
    with pytest.raises(DomainError, match="not been previewed"):
        save(DRAFT, rules.digest(DRAFT, on=TUESDAY), on=TUESDAY + timedelta(days=1))


@pytest.mark.django_db
def test_a_preview_does_not_outlive_the_night_it_started_from(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    make_order(make_customer("李雷"), TUESDAY - timedelta(days=9), paid="80.00")
    nightly.run(TUESDAY - timedelta(days=1))
    told = whatif.preview(DRAFT, as_of=TUESDAY)

    nightly.run(TUESDAY)

    assert Night.objects.count() == 2
    with pytest.raises(DomainError, match="not been previewed"):
        save(DRAFT, told.digest)
    assert save(DRAFT, whatif.preview(DRAFT, as_of=TUESDAY).digest).version == 2


@pytest.mark.django_db
def test_whole_numbers_and_decimals_are_the_same_rules() -> None:
    whole = {**DRAFT, "long_absence_days": 113}
    assert rules.digest(whole, on=TUESDAY) == rules.digest({**whole, "long_absence_days": 113.0}, on=TUESDAY)


@pytest.mark.django_db
def test_a_change_needs_a_reason_and_a_difference() -> None:
    with pytest.raises(Invalid, match="Say in a few words"):
        save(DRAFT, rules.digest(DRAFT, on=TUESDAY), reason=" ")
    with pytest.raises(DomainError, match="nothing to save"):
        save(rules.DEFAULTS, rules.digest(rules.DEFAULTS, on=TUESDAY))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_asked_to_look_again() -> None:
    drafts = [{**DRAFT, "big_cap": cap} for cap in (0.2, 0.25)]
    seen = [rules.digest(draft, on=TUESDAY) for draft in drafts]
    ready, outcomes = Barrier(2), []

    def go(draft: dict[str, Any], previewed: str) -> None:
        try:
            ready.wait()
            outcomes.append(str(save(draft, previewed).version))
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    people = [Thread(target=go, args=pair) for pair in zip(drafts, seen, strict=True)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert sorted(outcomes) == ["2", "not_previewed"]
