"""The pages. Each view names the permission it needs; tests hold this table against the roles."""

from django.urls import path

from crm.desk import absent, alerts, customer, customer_list, imports, matrix, my_day, nights, rules

app_name = "desk"
urlpatterns = [
    path("", my_day.home, name="my_day"),
    path("todo/<int:pk>/done/", my_day.complete, name="todo_done"),
    path("todo/<int:pk>/reopen/", my_day.reopen, name="todo_reopen"),
    path("todo/<int:pk>/snooze/", my_day.snooze, name="todo_snooze"),
    path("contacts/", my_day.contacts, name="contacts"),
    path("find/", customer_list.find, name="find"),
    path("customers/", customer_list.customers, name="customers"),
    path("customers/<int:pk>/", customer.customer, name="customer"),
    path("customers/<int:pk>/contact/", customer.log_contact, name="log_contact"),
    path("customers/<int:pk>/profile/", customer.edit_profile, name="edit_profile"),
    path("customers/<int:pk>/reveal/", customer.reveal, name="reveal"),
    path("customers/<int:pk>/assign/", customer.assign, name="assign"),
    path("matrix/", matrix.matrix, name="matrix"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<int:pk>/", alerts.alert, name="alert"),
    path("alerts/<int:pk>/comment/", alerts.comment, name="alert_comment"),
    path("alerts/<int:pk>/decide/", alerts.decide, name="alert_decide"),
    path("alerts/<int:pk>/lost/", alerts.close_lost, name="alert_lost"),
    path("long-absent/", absent.long_absent, name="long_absent"),
    path("imports/", imports.imports, name="imports"),
    path("imports/<int:pk>/", imports.import_run, name="import"),
    path("imports/<int:pk>/rejected/", imports.rejected, name="import_rejected"),
    path("nights/", nights.nights, name="nights"),
    path("nights/run/", nights.run_night, name="run_night"),
    path("backtest/", nights.backtest, name="backtest"),
    path("backtest/run/", nights.run_backtest, name="run_backtest"),
    path("rules/", rules.rules, name="rules"),
]
