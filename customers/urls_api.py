"""Below /api/v1/."""

from collections.abc import Callable

from django.urls import URLPattern, path

from customers import api
from customers.orders import Recorded, record_order


def patterns(record: Callable[..., Recorded] = record_order) -> list[URLPattern]:
    """`record` stores an order; the roof gives one that also tells the floors above."""
    return [
        path("sources/<str:source>/orders/batch", api.OrderBatchView.as_view(record=record), name="order-batch"),
        path("sources/<str:source>/orders/<str:external_id>", api.OrderView.as_view(record=record), name="order"),
        path("customers/find", api.CustomerFindView.as_view(), name="customer-find"),
        path("customers/<str:number>", api.CustomerView.as_view(), name="customer-by-number"),
    ]
