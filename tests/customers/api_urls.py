"""Only the API of this floor, below its real address."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("customers.urls_api"))]
