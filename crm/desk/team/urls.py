"""The team: days away and hand-overs."""

from django.urls import path

from crm.desk.team import leaves

urlpatterns = [
    path("leaves/", leaves.leaves, name="leaves"),
    path("leaves/note/", leaves.note, name="leave_note"),
    path("leaves/<int:pk>/", leaves.leave, name="leave"),
    path("leaves/<int:pk>/change/", leaves.change, name="leave_change"),
    path("leaves/<int:pk>/cover/", leaves.cover, name="leave_cover"),
    path("leaves/<int:pk>/back/", leaves.back, name="leave_back"),
    path("leaves/asked/<int:pk>/", leaves.asked, name="leave_asked"),
    path("leaves/asked/<int:pk>/grant/", leaves.grant, name="leave_grant"),
    path("leaves/asked/<int:pk>/refuse/", leaves.refuse, name="leave_refuse"),
    path("leaves/asked/<int:pk>/withdraw/", leaves.withdraw, name="leave_withdraw"),
]
