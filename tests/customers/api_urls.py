"""Only the API of this floor, below its real address."""

from django.urls import include, path

from customers import urls_api

urlpatterns = [path("api/v1/", include(urls_api.patterns()))]
