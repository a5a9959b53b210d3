"""Below /api/v1/."""

from django.urls import path

from loyalty import api_points, api_tier_rules, api_tiers

urlpatterns = [
    path("customers/<str:number>/tier", api_tiers.TierView.as_view(), name="customer-tier"),
    path("tiers/versions", api_tier_rules.TierVersionsView.as_view(), name="tier-versions"),
    path("tiers/drafts", api_tier_rules.TierDraftsView.as_view(), name="tier-drafts"),
    path("tiers/drafts/<int:pk>", api_tier_rules.TierDraftView.as_view(), name="tier-draft"),
    path("tiers/drafts/<int:pk>/simulate", api_tier_rules.TierSimulateView.as_view(), name="tier-simulate"),
    path("tiers/drafts/<int:pk>/publish", api_tier_rules.TierPublishView.as_view(), name="tier-publish"),
    path("customers/<str:number>/points", api_points.PointsView.as_view(), name="customer-points"),
    path("customers/<str:number>/points/lines", api_points.PointLinesView.as_view(), name="customer-points-lines"),
    path("customers/<str:number>/holds", api_points.HoldsView.as_view(), name="customer-holds"),
    path("customers/<str:number>/adjustments", api_points.AdjustmentsView.as_view(), name="customer-adjustments"),
    path("customers/<str:number>/redemptions", api_points.RedemptionsView.as_view(), name="customer-redemptions"),
    path("holds/<int:pk>/<slug:verb>", api_points.HoldEndView.as_view(), name="hold-end"),
    path("rewards", api_points.RewardsView.as_view(), name="rewards"),
    path("redemptions/<int:pk>/<slug:verb>", api_points.RedemptionEndView.as_view(), name="redemption-end"),
]
