"""One person under two numbers: find the other record, see what the one that stays will have, make them one."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.today import now, today
from crm.flows import merging
from customers import merging as records
from customers import queries
from customers.access import customer_for


class MergeForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why these are one person"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )


@needs(Permission.MERGE_CUSTOMERS)
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    """The record of the address stays. `other` is the one that goes into it; without one, those alike are offered."""
    winner = customer_for(request.user, pk, today())
    asked = request.GET.get("other", "")
    if not asked.isdecimal() or len(asked) > 18:
        text = request.POST.get("q", "").strip()  # may be a phone, which stands in no address
        people = queries.search(request.user, text, today()) if text else records.alike(winner, request.user, today())
        found = [one for one in people if one.pk != winner.pk]
        return render(request, "desk/customers/merge.html", {"winner": winner, "found": found, "text": text})
    loser = customer_for(request.user, int(asked), today())
    form = MergeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            merging.merge(loser, winner, by=request.user, at=now(), reason=form.cleaned_data["reason"])
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(old)s is now part of %(new)s") % {"old": loser.number, "new": winner.number})
            return redirect("desk:customer", winner.pk)
    context = {"winner": winner, "loser": loser, "form": form, "counts": merging.consequences(loser, winner)}
    return render(request, "desk/customers/merge.html", context, status=422 if form.errors else 200)
