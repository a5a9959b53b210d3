"""Setting the second factor up and switching it off: allauth's steps, each on record."""

from typing import Any

from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.http import HttpResponse
from django.urls import reverse_lazy

from core.accounts import audit
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
