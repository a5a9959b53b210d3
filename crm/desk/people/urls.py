"""The people who work here. Their way in stands in crm/urls.py, outside of what needs a sign-in."""

from django.urls import path

from crm.desk.lists import overseeing
from crm.desk.people import books, staff, teams
from crm.desk.people.first_steps import first_steps

urlpatterns = [
    path("first-steps/", first_steps, name="first_steps"),
    path("staff/", staff.people, name="staff"),
    path("staff/views/", overseeing.shared_views, name="shared_views"),
    path("staff/views/<int:pk>/archive/", overseeing.archive, name="shared_view_archive"),
    path("staff/<int:pk>/", staff.person, name="person"),
    path("staff/<int:pk>/link/", staff.link, name="person_link"),
    path("staff/<int:pk>/deactivate/", staff.deactivate, name="person_deactivate"),
    path("staff/<int:pk>/reactivate/", staff.reactivate, name="person_reactivate"),
    path("staff/<int:pk>/away/", staff.away, name="person_away"),
    path("staff/<int:pk>/departments/", staff.departments, name="person_departments"),
    path("staff/<int:pk>/delegate/", staff.delegate, name="person_delegate"),
    path("staff/absences/<int:pk>/drop/", staff.drop_absence, name="absence_drop"),
    path("staff/delegations/<int:pk>/end/", staff.end_delegation, name="delegation_end"),
    path("books/hand-over/", books.hand_over, name="hand_over"),
    path("books/hand-over/<int:pk>/undo/", books.undo, name="hand_over_undo"),
    path("teams/", teams.teams, name="teams"),
    path("teams/<int:pk>/", teams.team, name="team"),
    path("teams/<int:pk>/drop/", teams.drop_team, name="team_drop"),
]
