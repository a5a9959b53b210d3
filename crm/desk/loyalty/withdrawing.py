"""A proposed credit limit is taken back by who proposed it."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.today import now, today
from customers.access import customer_for
from loyalty.campaigns import credit
from loyalty.models import CreditLimitChange


@needs(Permission.PROPOSE_CREDIT)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's: at most one change waits."""
    customer = customer_for(request.user, pk, today())
    waiting = CreditLimitChange.objects.filter(status=CreditLimitChange.Status.PROPOSED)
    change = get_object_or_404(waiting, account__customer=customer)
    press(request, lambda: credit.withdraw_limit(change.pk, by=request.user, at=now()), _("Taken back"))
    return redirect("desk:credit_account", pk)
