"""Setting the second factor up and switching it off: allauth's steps, each on record."""

from typing import Any

from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.models import User
from core.accounts.own import second_factor as verbs
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.today import now


class Recorded:
    """A form of allauth that leaves a line in the trail when it is carried out."""

    action = ""
    request: Any

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # of the view it is mixed into
        audit.record(self.request.user, self.action, self.request.user, at=now())
        return response


class SetUp(Recorded, ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    action = "second_factor.set_up"


class SwitchOff(Recorded, DeactivateTOTPView):  # type: ignore[misc]
    action = "second_factor.switched_off"
    success_url = reverse_lazy("desk:me")


class RenewCodes(Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    action = "second_factor.codes_renewed"


@needs(Permission.MANAGE_STAFF)
@require_POST
def take_away(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody of the staff has lost the telephone and the codes."""
    person = get_object_or_404(User, pk=pk)
    thanks = _("The second factor is taken away; they sign in with the password alone.")
    press(request, lambda: verbs.take_away(person, by=request.user, at=now()), thanks)
    return redirect("desk:person", pk)
