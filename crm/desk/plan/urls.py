"""Contact plans, appointments, the week, visits on the way."""

from django.urls import path

from crm.desk.plan import booking, leading, plans, visits, weeks

urlpatterns = [
    path("week/", weeks.week, name="week"),
    path("coming-up/", weeks.coming_up, name="coming_up"),
    path("customers/<int:pk>/book/", booking.book, name="book"),
    path("customers/<int:pk>/book/day/", weeks.book_on, name="book_on"),
    path("appointments/<int:pk>/move/", booking.move, name="appointment_move"),
    path("appointments/<int:pk>/day/", weeks.to_day, name="appointment_to_day"),
    path("appointments/<int:pk>/back/", weeks.back, name="appointment_back"),
    path("appointments/<int:pk>/cancel/", booking.cancel, name="appointment_cancel"),
    path("appointments/<int:pk>/restore/", booking.restore, name="appointment_restore"),
    path("visits/", visits.today_visits, name="visits"),
    path("visits/leaders/", leading.leader_visits, name="leader_visits"),
    path("customers/<int:pk>/visit/", visits.visit, name="visit"),
    path("plans/", plans.contact_plans, name="contact_plans"),
    path("customers/<int:pk>/plan/", plans.own_plan, name="own_plan"),
    path("customers/<int:pk>/plan/end/", plans.end_own_plan, name="own_plan_end"),
    path("rules/plans/", plans.plan_rules, name="plan_rules"),
    path("rules/plans/propose/", plans.propose, name="plan_rules_propose"),
]
