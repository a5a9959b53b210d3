"""The mall itself: what it is called, counts in and speaks, where its midnight is, and who needs a second factor."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import Role
from core.accounts.own import second_factor
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib import mall as known
from core.mall.models import MallSettings
from crm.desk.acting import submit
from crm.desk.own.forms import LANGUAGES
from crm.desk.today import now
from crm.flows import mall as verbs
from customers.models import Order

CONTROL, SELECT = {"class": "form-control"}, {"class": "form-select"}
FACTS = ("name", "currency", "time_zone", "language", "phone_region")


class MallForm(forms.Form):
    """The verb knows what is a currency, a zone and a country; its refusal stands beside the field."""

    name = forms.CharField(label=gettext_lazy("Name of the mall"), max_length=80, widget=forms.TextInput(CONTROL))
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), widget=forms.Select(SELECT))
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=60,
        widget=forms.TextInput({**CONTROL, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Like Asia/Shanghai. A change holds from now on: today ends at the new midnight, and what is stored already "
            "keeps the day it was counted for."
        ),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=LANGUAGES[1:],
        widget=forms.Select(SELECT),
        help_text=gettext_lazy("Of whoever has chosen none."),
    )
    phone_region = forms.CharField(
        label=gettext_lazy("Country of its phone numbers"),
        max_length=2,
        widget=forms.TextInput(CONTROL),
        help_text=gettext_lazy("Two letters, like CN: how a number without a country is read."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = self.fields["currency"]
        assert isinstance(currency, forms.ChoiceField)  # noqa: S101 (for the type checker)
        currency.choices = [(code, f"{code} {symbol}") for code, symbol in known.SYMBOLS.items()]
        if Order.objects.exists():
            currency.help_text = _("Fixed: there are orders in it, whose amounts would be read as another currency.")
            currency.disabled = True


@needs(Permission.EDIT_MALL)
def mall(request: StaffRequest) -> HttpResponse:
    """The mall's facts. POST writes those that were changed here, over the row as it is now."""
    known.forget()
    facts = known.facts()
    shown = {name: getattr(facts, name) for name in FACTS}
    form = MallForm(request.POST or None, initial=shown)

    def change(data: dict[str, Any]) -> MallSettings:
        sent = {name: request.POST.get(f"was_{name}", shown[name]) for name in FACTS}
        changed = {name: data[name] for name in FACTS if data[name] != sent[name]}
        return verbs.change(changed, by=request.user, at=now())

    beside = {name: name for name in FACTS} | {"currency_in_use": "currency"}
    if request.method == "POST" and submit(request, form, change, _("Saved"), beside=beside):
        return redirect("desk:mall")
    context = {"form": form, "shown": shown.items(), "demo": settings.DEMO}
    return render(request, "desk/admin/settings/mall.html", context, status=422 if form.errors else 200)


class FactorForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles that need a second factor"),
        choices=[(role.value, role.label) for role in Role if role != Role.CLIENT],
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text=gettext_lazy(
            "Whoever holds one of them and has none is led to set it up with the next click; nothing else opens before."
        ),
    )


@needs(Permission.EDIT_MALL)
def require_second_factor(request: StaffRequest) -> HttpResponse:
    form = FactorForm(
        request.POST if request.method == "POST" else None, initial={"roles": sorted(second_factor.required_roles())}
    )

    def require(data: dict[str, Any]) -> None:
        second_factor.require_of(data["roles"], by=request.user, at=now())

    if request.method == "POST" and submit(request, form, require, _("Saved")):
        return redirect("desk:mall_second_factor")
    context = {"form": form, "has": second_factor.has(request.user)}
    return render(request, "desk/admin/settings/second_factor.html", context, status=422 if form.errors else 200)
