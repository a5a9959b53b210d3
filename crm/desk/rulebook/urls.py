"""The rulebook: every kind of rules, and every change of one on its way."""

from django.urls import path

from crm.desk.rulebook import change, rules

urlpatterns = [
    path("rulebook/", rules.rulebook, name="rulebook"),
    path("rulebook/<slug:kind>/", rules.kind, name="rulebook_kind"),
    path("rulebook/<slug:kind>/versions/<int:version>/roll-back/", rules.roll_back, name="rulebook_roll_back"),
    path("rulebook/changes/<int:pk>/", change.change, name="rule_change"),
    path("rulebook/changes/<int:pk>/confirm/", change.confirm, name="rule_change_confirm"),
    path("rulebook/changes/<int:pk>/again/", change.look_again, name="rule_change_again"),
    path("rulebook/changes/<int:pk>/drop/", change.drop, name="rule_change_drop"),
    path("rulebook/changes/<int:pk>/withdraw/", change.withdraw, name="rule_change_withdraw"),
]
