"""The product's addresses and one view that does next to nothing: what a request costs before any work is done."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from crm.urls import urlpatterns as product


def trivial(_request: HttpRequest) -> HttpResponse:
    """Asked by somebody who is signed in, as every page is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return HttpResponse(str(cursor.fetchone()[0]))


urlpatterns = [path("trivial/", trivial), *product]
