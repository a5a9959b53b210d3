"""Every address of the API against the scope its token needs. A route that is not in this table fails."""

from typing import Any

from core.accounts.roles import ApiScope as S
from crm.api.urls import urlpatterns

PUBLIC = {"api-schema", "api-docs"}
SCOPES = {
    "order-batch": {"POST": S.ORDERS_WRITE},
    "order": {"PUT": S.ORDERS_WRITE},
    "source-customer": {"PUT": S.CUSTOMERS_WRITE, "PATCH": S.CUSTOMERS_WRITE},
    "customer-list": {"GET": S.CUSTOMERS_READ},
    "order-list": {"GET": S.ORDERS_READ},
    "alert-list": {"GET": S.WORK_READ},
    "customer-find": {"POST": S.CUSTOMERS_READ},
    "customer-by-number": {"GET": S.CUSTOMERS_READ},
    "complaint-list": {"GET": S.COMPLAINTS_READ, "POST": S.COMPLAINTS_WRITE},
    "complaint-inbound": {"POST": S.COMPLAINTS_WRITE},
    "complaint-categories": {"GET": S.COMPLAINTS_READ},
    "surveys-due": {"GET": S.COMPLAINTS_WRITE, "POST": S.COMPLAINTS_WRITE},
    "complaint-detail": {"GET": S.COMPLAINTS_READ},
    "complaint-messages": {"POST": S.COMPLAINTS_WRITE},
    "complaint-files": {"GET": S.COMPLAINTS_READ, "POST": S.COMPLAINTS_WRITE},
    "complaint-file": {"GET": S.COMPLAINTS_READ},
    "complaint-transitions": {"GET": S.COMPLAINTS_READ, "POST": S.COMPLAINTS_WRITE},
    "customer-prompts": {"GET": S.COMPLAINTS_READ},
    "prompt-acknowledge": {"POST": S.COMPLAINTS_WRITE},
    "customer-consents": {"GET": S.CONSENTS_READ, "POST": S.CONSENTS_WRITE},
    "consent-replies": {"POST": S.CONSENTS_WRITE},
    "letter-receipts": {"POST": S.LETTERS_WRITE},
    "letters-waiting": {"GET": S.LETTERS_WRITE},
    "customer-life-dates": {"PUT": S.CUSTOMERS_WRITE},
    "customer-promises": {"GET": S.WORK_READ, "POST": S.WORK_WRITE},
    "customer-manager": {"GET": S.CUSTOMERS_READ},
    "leave-list": {"GET": S.WORK_READ, "POST": S.WORK_WRITE},
    "leave-end": {"POST": S.WORK_WRITE},
    "hand-over-list": {"GET": S.WORK_READ, "POST": S.WORK_WRITE},
    "customer-plan": {"GET": S.WORK_READ, "PUT": S.WORK_WRITE},
    "customer-appointments": {"GET": S.WORK_READ, "POST": S.WORK_WRITE},
    "promise-list": {"GET": S.WORK_READ},
    "promise-keep": {"POST": S.WORK_WRITE},
    "promise-move": {"POST": S.WORK_WRITE},
    "promise-release": {"POST": S.WORK_WRITE},
    "customer-tier": {"GET": S.CUSTOMERS_READ},
    "customer-points": {"GET": S.POINTS_READ},
    "customer-points-lines": {"GET": S.POINTS_READ},
    "customer-points-freeze": {"POST": S.POINTS_WRITE},
    "customer-points-thaw": {"POST": S.POINTS_WRITE},
    "customer-holds": {"POST": S.POINTS_WRITE},
    "customer-adjustments": {"POST": S.POINTS_WRITE},
    "customer-redemptions": {"POST": S.POINTS_WRITE},
    "hold-end": {"POST": S.POINTS_WRITE},
    "rules": {"GET": S.RULES_READ},
    "rules-kind": {"GET": S.RULES_READ},
    "rules-propose": {"POST": S.RULES_WRITE},
    "rules-roll-back": {"POST": S.RULES_WRITE},
    "rule-change": {"GET": S.RULES_READ},
    "rule-change-confirm": {"POST": S.RULES_WRITE},
    "rule-change-look-again": {"POST": S.RULES_WRITE},
    "rule-change-drop": {"POST": S.RULES_WRITE},
    "rule-change-withdraw": {"POST": S.RULES_WRITE},
    "tier-rules": {"GET": S.TIERS_READ},
    "tier-drafts": {"POST": S.TIERS_WRITE},
    "tier-draft": {"GET": S.TIERS_READ, "PATCH": S.TIERS_WRITE, "DELETE": S.TIERS_WRITE},
    "tier-draft-simulate": {"POST": S.TIERS_WRITE},
    "tier-draft-publish": {"POST": S.TIERS_WRITE},
    "tier-version": {"GET": S.TIERS_READ},
    "tier-version-withdraw": {"POST": S.TIERS_WRITE},
    "tier-version-roll-back": {"POST": S.TIERS_WRITE},
    "rewards": {"GET": S.POINTS_READ},
    "redemption-end": {"POST": S.POINTS_WRITE},
    "coupon-validate": {"POST": S.COUPONS_READ},
    "coupon-reserve": {"POST": S.COUPONS_WRITE},
    "coupon-confirm": {"POST": S.COUPONS_WRITE},
    "coupon-release": {"POST": S.COUPONS_WRITE},
    "coupon-rollback": {"POST": S.COUPONS_WRITE},
    "customer-coupons": {"GET": S.COUPONS_READ},
    "lottery": {"GET": S.DRAWS_READ},
    "lottery-draws": {"POST": S.DRAWS_WRITE},
    "lottery-tickets": {"POST": S.DRAWS_WRITE},
    "lottery-claim": {"POST": S.DRAWS_WRITE},
    "segment-list": {"GET": S.SEGMENTS_READ},
    "segment-detail": {"GET": S.SEGMENTS_READ},
    "segment-members": {"GET": S.SEGMENTS_READ},
    "credit-capture": {"POST": S.CREDIT_WRITE},
    "credit-void": {"POST": S.CREDIT_WRITE},
    "credit": {"GET": S.CREDIT_READ},
    "credit-authorisations": {"POST": S.CREDIT_WRITE},
    "credit-payments": {"POST": S.CREDIT_WRITE},
}


def scopes(view_class: Any) -> dict[str, Any]:
    """The scope the view asks for, by method; None where it asks for none."""
    found = {}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        if hasattr(view_class, method.lower()):
            view = view_class()
            view.request = type("Request", (), {"method": method})
            found[method] = getattr(view, "scope", None)
    return found


def test_every_route_has_a_row_and_says_the_same() -> None:
    declared = {route.name: scopes(route.callback.cls) for route in urlpatterns if route.name not in PUBLIC}

    assert declared == SCOPES
