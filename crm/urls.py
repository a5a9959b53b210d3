"""The address map."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from crm.desk.complaints import survey

handler400 = "crm.desk.limits.refused"
urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("language/", login_not_required(set_language), name="set_language"),
    path("api/v1/", include("crm.api.urls")),
    path("s/<str:secret>/", survey.survey, name="survey"),
    path("", include("crm.desk.urls")),
]
