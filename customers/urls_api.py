"""Below /api/v1/."""

from collections.abc import Callable

from django.urls import URLPattern, path

from customers import api
from customers.orders import Recorded, record_order


def patterns(
    record: Callable[..., Recorded] = record_order, order_view: type[api.OrderView] = api.OrderView
) -> list[URLPattern]:
    """`record` stores an order, `order_view` answers for it; the roof gives its own, which know the floors above."""
    return [
        path("sources/<str:source>/orders/batch", api.OrderBatchView.as_view(record=record), name="order-batch"),
        path("sources/<str:source>/orders/<str:external_id>", order_view.as_view(record=record), name="order"),
        path("customers/find", api.CustomerFindView.as_view(), name="customer-find"),
        path("customers/<str:number>", api.CustomerView.as_view(), name="customer-by-number"),
    ]
