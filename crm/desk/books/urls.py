"""The team at a glance, and customers proposed to a new manager."""

from django.urls import path

from crm.desk.books import entry, handing, overview, rules

urlpatterns = [
    path("books/entry/", entry.entry, name="entry"),
    path("rules/books/", rules.rules, name="book_rules"),
    path("rules/books/propose/", rules.propose, name="book_rules_propose"),
    path("team/", overview.overview, name="overview"),
    path("hand-overs/", handing.hand_overs, name="hand_overs"),
    path("hand-overs/<int:pk>/", handing.hand_over, name="hand_over_proposed"),
    path("hand-overs/<int:pk>/accept/", handing.accept, name="hand_over_accept"),
    path("hand-overs/<int:pk>/refuse/", handing.refuse, name="hand_over_refuse"),
    path("hand-overs/<int:pk>/read/", handing.read, name="hand_over_read"),
    path("hand-overs/<int:pk>/withdraw/", handing.withdraw, name="hand_over_withdraw"),
    path("hand-overs/lines/<int:pk>/note/", handing.say, name="hand_over_note"),
]
