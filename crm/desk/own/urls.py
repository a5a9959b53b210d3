"""One's own page, and the steps of the second factor, whose names allauth looks for."""

from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from django.urls import path
from django.views.generic import RedirectView

from crm.desk.own import me
from crm.desk.own.second_factor import RenewCodes, SetUp, SwitchOff, take_away

urlpatterns = [
    path("me/", me.me, name="me"),
    path("me/sent/", me.sent, name="me_sent"),
    path("me/profile/", me.edit_profile, name="me_profile"),
    path("me/password/", me.change_password, name="me_password"),
    path("me/sessions/end/", me.end_other_sessions, name="me_sessions_end"),
    path("staff/<int:pk>/second-factor/take-away/", take_away, name="person_factor_take_away"),
    path("me/sessions/<int:pk>/end/", me.end_session, name="me_session_end"),
]
second_factor = [
    path("me/second-factor/", RedirectView.as_view(pattern_name="desk:me"), name="mfa_index"),
    path("me/second-factor/set-up/", SetUp.as_view(), name="mfa_activate_totp"),
    path("me/second-factor/off/", SwitchOff.as_view(), name="mfa_deactivate_totp"),
    path("me/second-factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("me/second-factor/codes/new/", RenewCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("me/second-factor/codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("accounts/code/", factor.authenticate, name="mfa_authenticate"),
    path("accounts/code/again/", factor.reauthenticate, name="mfa_reauthenticate"),
]
