"""The API root: one line per room. Documentation and schema need no login; every call needs a token with its scope."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from crm import arrival, orders
from customers import urls_api

urlpatterns = [
    path("schema/", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path("docs/", login_not_required(SpectacularSwaggerView.as_view(url_name="api-schema")), name="api-docs"),
    path("", include(urls_api.patterns(record=arrival.order, order_view=orders.OrderView))),
    path("", include("complaints.urls_api")),
    path("", include("loyalty.urls_api")),
    path("", include("loyalty.urls_api_campaigns")),
]
