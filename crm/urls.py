"""The address map."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path
from django.views.i18n import set_language

from crm.api.base import UnknownAddressView
from crm.desk import errors, limits
from crm.desk.acting import legible
from crm.desk.complaints import survey
from crm.desk.complaints.files import upload
from crm.desk.letters import public
from crm.desk.own.urls import second_factor
from crm.desk.people import way_in

handler400 = limits.refused
handler500 = errors.broken
urlpatterns = [
    *second_factor,
    path("accounts/", include("allauth.account.urls")),
    path("language/", login_not_required(set_language), name="set_language"),
    path("api/v1/", include("crm.api.urls")),
    re_path(r"^api(?:/|\Z)", login_not_required(UnknownAddressView.as_view())),
    path("s/<str:secret>/", survey.survey, name="survey"),
    path("u/<str:secret>/", upload.upload, name="upload"),
    path("c/<str:token>", legible(public.own_choices), name="own_choices"),
    path("setup/", legible(way_in.setup), name="setup"),
    path("join/<str:secret>/", legible(way_in.join), name="join"),
    path("", include("crm.desk.urls")),
]
