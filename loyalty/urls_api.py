"""Below /api/v1/."""

from django.urls import path

from loyalty import api_points, api_tiers
from loyalty import api_tier_rules as rules

urlpatterns = [
    path("customers/<str:number>/tier", api_tiers.TierView.as_view(), name="customer-tier"),
    path("customers/<str:number>/points", api_points.PointsView.as_view(), name="customer-points"),
    path("customers/<str:number>/points/lines", api_points.PointLinesView.as_view(), name="customer-points-lines"),
    path("customers/<str:number>/holds", api_points.HoldsView.as_view(), name="customer-holds"),
    path("customers/<str:number>/adjustments", api_points.AdjustmentsView.as_view(), name="customer-adjustments"),
    path("customers/<str:number>/redemptions", api_points.RedemptionsView.as_view(), name="customer-redemptions"),
    path("holds/<int:pk>/<slug:verb>", api_points.HoldEndView.as_view(), name="hold-end"),
    path("tier-rules", rules.TierRulesView.as_view(), name="tier-rules"),
    path("tier-rules/drafts", rules.DraftsView.as_view(), name="tier-drafts"),
    path("tier-rules/drafts/<int:pk>", rules.DraftView.as_view(), name="tier-draft"),
    path("tier-rules/drafts/<int:pk>/simulate", rules.SimulateView.as_view(), name="tier-draft-simulate"),
    path("tier-rules/drafts/<int:pk>/publish", rules.PublishView.as_view(), name="tier-draft-publish"),
    path("tier-rules/versions/<int:version>", rules.VersionView.as_view(), name="tier-version"),
    path("tier-rules/versions/<int:version>/withdraw", rules.WithdrawView.as_view(), name="tier-version-withdraw"),
    path("tier-rules/versions/<int:version>/roll-back", rules.RollBackView.as_view(), name="tier-version-roll-back"),
    path("rewards", api_points.RewardsView.as_view(), name="rewards"),
    path("redemptions/<int:pk>/<slug:verb>", api_points.RedemptionEndView.as_view(), name="redemption-end"),
]
