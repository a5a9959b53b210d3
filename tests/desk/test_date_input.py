"""A day that a page shows reaches the browser in every language."""

from datetime import date, datetime

import pytest
from django import forms
from django.utils import translation

from crm.desk.admin import forms as admin
from crm.desk.complaints import forms as complaints
from crm.desk.complaints.setup import forms as setup
from crm.desk.customers import forms as customers
from crm.desk.loyalty.campaigns import forms as campaigns
from crm.desk.loyalty.points import forms as points
from crm.desk.loyalty.tiers import forms as tiers
from crm.desk.numbers import forms as numbers
from crm.desk.work import forms as work

SHOWN = {
    "date": (date(2026, 11, 30), "2026-11-30"),
    "datetime-local": (datetime(2026, 11, 30, 9, 5), "2026-11-30T09:05"),
}
FIELDS = {
    f"{form.__qualname__}.{name}": field.widget
    for module in (admin, complaints, setup, customers, campaigns, points, tiers, numbers, work)
    for form in vars(module).values()
    if isinstance(form, type) and issubclass(form, forms.BaseForm) and hasattr(form, "base_fields")
    for name, field in form.base_fields.items()
    if getattr(field.widget, "input_type", "") in SHOWN
}


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
@pytest.mark.parametrize("name", FIELDS)
def test_a_browser_takes_the_day_of_each_field(name: str, language: str) -> None:
    widget = FIELDS[name]
    value, taken = SHOWN[widget.input_type]

    with translation.override(language):
        assert widget.format_value(value) == taken
