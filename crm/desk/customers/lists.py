"""The list of customers, and finding one by anything that names them."""

from typing import Any, cast

from django import forms
from django.core.cache import cache
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.errors import DomainError
from crm.desk.long_select import LongSelect
from crm.desk.today import today
from customers import queries
from customers.models import Standing

NOT_HERE = _("Look for a phone or an e-mail in the search at the top: it does not belong in an address.")
CLASSES = [("", _("Every class")), *Standing.Class.choices]
TYPES = [("", _("Every type")), *((code, label) for code, label in Standing.Type.choices if code)]
MANAGERS = User.objects.filter(role=Role.ACCOUNT_MANAGER, is_active=True).order_by("full_name")
COUNT_UP_TO = 1000
AN_HOUR = 3600
# Eight digits are no customer number: a phone, like an e-mail, does not belong in an address.
CONTACT_DATA = r"^(?!.*@)(?!(?:[^0-9]*[0-9]){8}).*$"


class FilterForm(forms.Form):
    customer_class = forms.TypedChoiceField(
        label=_("Class"), choices=CLASSES, coerce=int, empty_value=None, required=False
    )
    matrix_type = forms.TypedChoiceField(label=_("Type"), choices=TYPES, coerce=int, empty_value=None, required=False)
    manager = forms.ModelChoiceField(
        label=_("Manager"),
        queryset=MANAGERS,
        widget=LongSelect,
        required=False,
        empty_label=_("Every manager"),
    )
    region = forms.CharField(label=_("Province"), max_length=60, required=False, widget=LongSelect)
    absent_days = forms.IntegerField(label=_("Days without purchase"), min_value=1, max_value=3650, required=False)
    text = forms.RegexField(
        regex=CONTACT_DATA,
        label=_("Name, number or city"),
        max_length=60,
        required=False,
        error_messages={"invalid": NOT_HERE},
        widget=forms.TextInput(attrs={"type": "search", "pattern": CONTACT_DATA.strip("^$"), "title": NOT_HERE}),
    )
    after = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data)
        region = cast(forms.CharField, self.fields["region"])
        known = cast(list[str], cache.get_or_set("regions", queries.regions, AN_HOUR))
        asked = [data["region"]] if data.get("region") and data["region"] not in known else []
        cast(LongSelect, region.widget).choices = [("", _("Every province")), *((name, name) for name in known + asked)]
        scope = rights_of(user.role).scope
        managers = cast(forms.ModelChoiceField, self.fields["manager"])
        if scope in (Scope.OWN, Scope.DELEGATED):
            # Whoever sees one book has nothing to choose; an old link may still name a manager.
            managers.widget = forms.HiddenInput()
        elif scope == Scope.TEAM:
            managers.queryset = MANAGERS.filter(team=user.team_id)


@needs(Permission.LIST_CUSTOMERS)
def customers(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET, user=request.user)
    form.is_valid()
    # What cannot be understood is said beside its field; the rest still holds.
    chosen: dict[str, Any] = form.cleaned_data
    filters = queries.Filters(
        customer_class=chosen.get("customer_class"),
        matrix_type=chosen.get("matrix_type"),
        manager_id=chosen["manager"].pk if chosen.get("manager") else None,
        region=chosen.get("region", ""),
        text=chosen.get("text", ""),
        absent_days=chosen.get("absent_days"),
    )
    day = today()
    error = ""
    try:
        page = queries.page(request.user, filters, day, after=chosen.get("after", ""))
    except DomainError as refusal:
        page, error = queries.page(request.user, filters, day), str(refusal)
    count = queries.standings(request.user, filters, day)[: COUNT_UP_TO + 1].count()
    kept = request.GET.copy()
    kept["after"] = page.next
    return render(
        request,
        "desk/customers/customers.html",
        {
            "form": form,
            "rows": page.rows,
            "next": f"?{kept.urlencode()}" if page.next else "",
            "first": f"?{_without(request, 'after')}" if chosen.get("after") else "",
            "count": count,
            "count_is_capped": count > COUNT_UP_TO,
            "capped_at": COUNT_UP_TO,
            "filtered": form.errors
            or any(value not in (None, "") for name, value in chosen.items() if name != "after"),
            "error": error,
        },
    )


def _without(request: StaffRequest, name: str) -> str:
    kept = request.GET.copy()
    kept.pop(name, None)
    return kept.urlencode()


@needs(Permission.FIND_CUSTOMER)
@require_http_methods(["GET", "POST"])
def find(request: StaffRequest) -> HttpResponse:
    """What is searched for may be a phone number: it is posted, never part of an address."""
    text = request.POST.get("q", "")[:120]
    found = queries.search(request.user, text, today()) if text else []
    if len(found) == 1:
        return redirect("desk:customer", found[0].pk)
    return render(request, "desk/customers/find.html", {"found": found, "searched": bool(text), "q": text})
