"""Letters: what goes out, what one customer gets, how often and by which words people are asked."""

from django.urls import path

from crm.desk.letters import arrived, consent, outgoing, policy

urlpatterns = [
    path("letters/", outgoing.outgoing, name="outgoing"),
    path("letters/by-hand/", outgoing.by_hand, name="letters_by_hand"),
    path("letters/<uuid:letter>/address/", outgoing.address, name="letter_address"),
    path("letters/arrived/", arrived.arrived, name="letters_arrived"),
    path("letters/<uuid:letter>/", outgoing.page, name="letter"),
    path("letters/<uuid:letter>/sent/", outgoing.sent, name="letter_sent"),
    path("letters/stop/<str:channel>/<str:purpose>/", outgoing.stop, name="letters_stop"),
    path("letters/go-on/<str:channel>/<str:purpose>/", outgoing.go_on, name="letters_go_on"),
    path("letters/stops/<int:pk>/why/", outgoing.explain, name="letters_explain"),
    path("letters/policy/", policy.policy, name="letter_policy"),
    path("letters/policy/save/", policy.save, name="letter_policy_save"),
    path("letters/policy/try/", policy.try_out, name="letter_policy_try"),
    path("letters/policy/words/", policy.word, name="letter_wording"),
    path("customers/<int:pk>/letters/", consent.customer_letters, name="customer_letters"),
    path("customers/<int:pk>/letters/consent/", consent.record, name="consent_record"),
    path("customers/<int:pk>/letters/withdraw/", consent.withdraw, name="consent_withdraw"),
    path("customers/<int:pk>/letters/ask/", consent.ask, name="consent_ask"),
    path("customers/<int:pk>/letters/limits/", consent.limits, name="consent_limits"),
]
