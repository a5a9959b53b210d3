"""The working day: the queue, alerts, who is long absent."""

from django.urls import path

from crm.desk.work import absent, alerts, my_day

urlpatterns = [
    path("", my_day.home, name="my_day"),
    path("todo/<int:pk>/done/", my_day.complete, name="todo_done"),
    path("todo/<int:pk>/reopen/", my_day.reopen, name="todo_reopen"),
    path("todo/<int:pk>/snooze/", my_day.snooze, name="todo_snooze"),
    path("contacts/", my_day.contacts, name="contacts"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<int:pk>/", alerts.alert, name="alert"),
    path("alerts/<int:pk>/comment/", alerts.comment, name="alert_comment"),
    path("alerts/<int:pk>/decide/", alerts.decide, name="alert_decide"),
    path("alerts/<int:pk>/lost/", alerts.close_lost, name="alert_lost"),
    path("long-absent/", absent.long_absent, name="long_absent"),
]
