"""Below /api/v1/."""

from django.urls import path

from customers import api

urlpatterns = [
    path("sources/<str:source>/orders/batch", api.OrderBatchView.as_view(), name="order-batch"),
    path("sources/<str:source>/orders/<str:external_id>", api.OrderView.as_view(), name="order"),
    path("customers/find", api.CustomerFindView.as_view(), name="customer-find"),
    path("customers/<str:number>", api.CustomerView.as_view(), name="customer-by-number"),
]
