"""A list of choices in which nothing is chosen says so in words."""

import pytest
from django import forms
from django.utils import translation

from core.accounts.models import User
from crm.desk.long_select import LongSelect

pytestmark = pytest.mark.django_db


class Asked(forms.Form):
    needed = forms.ModelChoiceField(User.objects.none())
    free = forms.ModelChoiceField(User.objects.none(), required=False)
    many = forms.ModelChoiceField(User.objects.none(), widget=LongSelect)
    named = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Everybody")


def test_nothing_is_no_line_of_dashes() -> None:
    with translation.override("en"):
        form = Asked()
        shown = {name: str(form[name]) for name in form.fields}

    assert "---" not in "".join(shown.values())
    assert "Choose…" in shown["needed"]
    assert "Choose…" in shown["many"]
    assert ">–<" in shown["free"]
    assert "Everybody" in shown["named"]
