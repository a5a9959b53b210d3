"""Customers: the list, the page of one, their cases, two that are one person."""

from django.urls import path

from core.accounts.roles import Permission
from crm.desk.customers import cases, customer, duplicates, labels, lists, merging, orders
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.customers.order_list import ORDER_LIST
from crm.desk.customers.record import life, pages, reach, removal, stopping
from crm.desk.customers.waiting import guests, unusual
from crm.desk.lists.routes import routes_of

urlpatterns = [
    path("find/", lists.find, name="find"),
    *routes_of(CUSTOMER_LIST, Permission.LIST_CUSTOMERS, "customers/", lists.customers),
    path("customers/new/", pages.new, name="customer_new"),
    path("customers/<int:pk>/", customer.customer, name="customer"),
    path("customers/<int:pk>/edit/", pages.correct, name="customer_edit"),
    path("customers/doubtful/", life.doubtful_days, name="doubtful_days"),
    path("customers/<int:pk>/days/", life.life_dates_page, name="life_dates"),
    path("customers/<int:pk>/days/<int:day>/", life.life_date, name="life_date"),
    path("customers/<int:pk>/days/<int:day>/confirm/", life.life_date_confirm, name="life_date_confirm"),
    path("customers/<int:pk>/days/<int:day>/remove/", life.life_date_remove, name="life_date_remove"),
    path("customers/<int:pk>/stop/", stopping.stop, name="stop"),
    path("customers/<int:pk>/stop/undo/", stopping.stop_undo, name="stop_undo"),
    path("customers/<int:pk>/reach/", customer.add_point, name="reach_add"),
    path("customers/<int:pk>/reach/<int:point>/confirm/", reach.confirm, name="reach_confirm"),
    path("customers/<int:pk>/reach/<int:point>/prefer/", reach.prefer, name="reach_prefer"),
    path("customers/<int:pk>/reach/<int:point>/retire/", reach.retire, name="reach_retire"),
    path("customers/<int:pk>/reach/<int:point>/restore/", reach.restore, name="reach_restore"),
    path("customers/<int:pk>/contact/", customer.log_contact, name="log_contact"),
    path("customers/<int:pk>/profile/", customer.edit_profile, name="edit_profile"),
    path("customers/<int:pk>/reveal/", customer.reveal, name="reveal"),
    path("customers/<int:pk>/assign/", customer.assign, name="assign"),
    path("customers/<int:pk>/labels/give/", labels.give, name="label_give"),
    path("customers/<int:pk>/labels/<int:label>/take/", labels.take, name="label_take"),
    path("customers/<int:pk>/labels/<int:label>/back/", labels.back, name="label_back"),
    path("labels/", labels.labels, name="labels"),
    path("labels/new/", labels.make, name="label_make"),
    path("labels/<int:pk>/change/", labels.change, name="label_change"),
    path("labels/<int:pk>/archive/", labels.archive, name="label_archive"),
    path("labels/<int:pk>/restore/", labels.restore, name="label_restore"),
    path("customers/<int:pk>/merge/", merging.merge, name="merge"),
    path("customers/<int:pk>/merge/find/", merging.find_other, name="merge_find"),
    path("customers/<int:pk>/merge/<int:other>/", merging.merge_other, name="merge_other"),
    path("customers/<int:pk>/orders/", orders.customer_orders, name="customer_orders"),
    *routes_of(ORDER_LIST, Permission.VIEW_ORDERS, "orders/", orders.orders),
    path("orders/<int:pk>/", orders.order, name="order"),
    path("orders/<int:pk>/test/", orders.declare_test, name="order_test"),
    path("tests/remove/", removal.remove, name="remove_test"),
    path("merges/<int:pk>/undo/", merging.undo, name="merge_undo"),
    path("duplicates/", duplicates.duplicates, name="duplicates"),
    path("duplicates/<int:pk>/<int:other>/apart/", duplicates.not_the_same, name="duplicate_apart"),
    path("duplicates/<int:pk>/<int:other>/maybe/", duplicates.maybe_the_same, name="duplicate_maybe"),
    path("orders/nobody/", guests.guest_orders, name="guest_orders"),
    path("orders/nobody/<int:pk>/", guests.guest_order, name="guest_order"),
    path("orders/nobody/<int:pk>/find/", guests.find_customer, name="guest_find"),
    path("orders/nobody/<int:pk>/assign/<int:customer>/", guests.assign, name="guest_assign"),
    path("orders/unusual/", unusual.unusual_orders, name="unusual_orders"),
    path("orders/unusual/<int:pk>/confirm/", unusual.confirm, name="unusual_confirm"),
    path("orders/unusual/<int:pk>/keep-out/", unusual.keep_out, name="unusual_keep_out"),
    path("prompts/<int:pk>/seen/", cases.acknowledge, name="prompt_seen"),
]
