"""The working day: the queue, alerts, who is long absent."""

from django.urls import path

from core.accounts.roles import Permission
from crm.desk.lists.routes import routes_of
from crm.desk.work import absent, alerts, approvals, bell, my_day, promises, risks, talk
from crm.desk.work.lists.alert_list import ALERT_LIST

urlpatterns = [
    path("", my_day.home, name="my_day"),
    path("todo/<int:pk>/done/", my_day.complete, name="todo_done"),
    path("todo/<int:pk>/reopen/", my_day.reopen, name="todo_reopen"),
    path("todo/<int:pk>/snooze/", my_day.snooze, name="todo_snooze"),
    path("todo/<int:pk>/talk/", talk.talk, name="todo_talk"),
    path("todo/<int:pk>/decide/", talk.decide, name="todo_decide"),
    path("promises/", promises.promises, name="promises"),
    path("promises/<int:pk>/keep/", promises.keep, name="promise_keep"),
    path("promises/<int:pk>/move/", promises.move, name="promise_move"),
    path("promises/<int:pk>/release/", promises.release, name="promise_release"),
    path("promises/<int:pk>/hand-over/", promises.hand_over, name="promise_hand_over"),
    path("contacts/", my_day.contacts, name="contacts"),
    *routes_of(ALERT_LIST, Permission.WORK_ALERTS, "alerts/", alerts.alerts),
    path("bell/", bell.bell, name="bell"),
    path("bell/count/", bell.count, name="bell_count"),
    path("bell/settings/", bell.settings, name="bell_settings"),
    path("bell/read/", bell.read_all, name="bell_read_all"),
    path("bell/<int:pk>/", bell.open_message, name="bell_open"),
    path("bell/<int:pk>/read/", bell.read, name="bell_read"),
    path("bell/<int:pk>/unread/", bell.unread, name="bell_unread"),
    path("bell/<int:pk>/mute/", bell.mute, name="bell_mute"),
    path("digest/", bell.digest, name="digest"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<slug:kind>/<int:pk>/approve/", approvals.approve, name="approval_approve"),
    path("approvals/<slug:kind>/<int:pk>/refuse/", approvals.refuse, name="approval_refuse"),
    path("approvals/<slug:kind>/<int:pk>/withdraw/", approvals.withdraw, name="approval_withdraw"),
    path("rules/stakes/", risks.risk_rules, name="risk_rules"),
    path("rules/stakes/propose/", risks.propose, name="risk_rules_propose"),
    path("long-absent/", absent.long_absent, name="long_absent"),
]
