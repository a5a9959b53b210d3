"""The addresses below /api/v1/. Documentation and schema need no login; every call needs a token with its scope."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from crm.api import campaigns, complaints, customers, files, orders, points, tier_rules, tiers
from crm.api.segments import views as segments

urlpatterns = [
    path("schema/", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path(
        "docs/",
        login_not_required(SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api/docs.html")),
        name="api-docs",
    ),
    path("sources/<str:source>/orders/batch", orders.OrderBatchView.as_view(), name="order-batch"),
    path("sources/<str:source>/orders/<path:external_id>", orders.OrderView.as_view(), name="order"),
    path(
        "sources/<str:source>/customers/<path:external_id>",
        customers.SourceCustomerView.as_view(),
        name="source-customer",
    ),
    path("customers/find", customers.CustomerFindView.as_view(), name="customer-find"),
    path("customers/<str:number>", customers.CustomerView.as_view(), name="customer-by-number"),
    path("complaints", complaints.ComplaintsView.as_view(), name="complaint-list"),
    path("complaints/inbound", complaints.InboundView.as_view(), name="complaint-inbound"),
    path("complaints/categories", complaints.CategoriesView.as_view(), name="complaint-categories"),
    path("complaints/surveys/due", complaints.SurveysView.as_view(), name="surveys-due"),
    path("complaints/<str:number>", complaints.ComplaintView.as_view(), name="complaint-detail"),
    path("complaints/<str:number>/messages", complaints.MessagesView.as_view(), name="complaint-messages"),
    path("complaints/<str:number>/transitions", complaints.TransitionsView.as_view(), name="complaint-transitions"),
    path("complaints/<str:number>/files", files.FilesView.as_view(), name="complaint-files"),
    path("complaints/<str:number>/files/<int:pk>", files.FileView.as_view(), name="complaint-file"),
    path("customers/<str:number>/prompts", complaints.PromptsView.as_view(), name="customer-prompts"),
    path("prompts/<int:pk>/acknowledge", complaints.AcknowledgeView.as_view(), name="prompt-acknowledge"),
    path("customers/<str:number>/tier", tiers.TierView.as_view(), name="customer-tier"),
    path("customers/<str:number>/points", points.PointsView.as_view(), name="customer-points"),
    path("customers/<str:number>/points/lines", points.PointLinesView.as_view(), name="customer-points-lines"),
    path("customers/<str:number>/points/freeze", points.FreezeView.as_view(), name="customer-points-freeze"),
    path("customers/<str:number>/points/thaw", points.ThawView.as_view(), name="customer-points-thaw"),
    path("customers/<str:number>/holds", points.HoldsView.as_view(), name="customer-holds"),
    path("customers/<str:number>/adjustments", points.AdjustmentsView.as_view(), name="customer-adjustments"),
    path("customers/<str:number>/redemptions", points.RedemptionsView.as_view(), name="customer-redemptions"),
    path("holds/<int:pk>/<slug:verb>", points.HoldEndView.as_view(), name="hold-end"),
    path("tier-rules", tier_rules.TierRulesView.as_view(), name="tier-rules"),
    path("tier-rules/drafts", tier_rules.DraftsView.as_view(), name="tier-drafts"),
    path("tier-rules/drafts/<int:pk>", tier_rules.DraftView.as_view(), name="tier-draft"),
    path("tier-rules/drafts/<int:pk>/simulate", tier_rules.SimulateView.as_view(), name="tier-draft-simulate"),
    path("tier-rules/drafts/<int:pk>/publish", tier_rules.PublishView.as_view(), name="tier-draft-publish"),
    path("tier-rules/versions/<int:version>", tier_rules.VersionView.as_view(), name="tier-version"),
    path("tier-rules/versions/<int:version>/withdraw", tier_rules.WithdrawView.as_view(), name="tier-version-withdraw"),
    path(
        "tier-rules/versions/<int:version>/roll-back", tier_rules.RollBackView.as_view(), name="tier-version-roll-back"
    ),
    path("segments", segments.SegmentsView.as_view(), name="segment-list"),
    path("segments/<slug:code>", segments.SegmentView.as_view(), name="segment-detail"),
    path("segments/<slug:code>/members", segments.SegmentMembersView.as_view(), name="segment-members"),
    path("rewards", points.RewardsView.as_view(), name="rewards"),
    path("redemptions/<int:pk>/<slug:verb>", points.RedemptionEndView.as_view(), name="redemption-end"),
    path("coupons/validate", campaigns.CouponValidateView.as_view(), name="coupon-validate"),
    path("coupons/reserve", campaigns.CouponReserveView.as_view(), name="coupon-reserve"),
    path("coupons/redemptions/<int:pk>/confirm", campaigns.CouponConfirmView.as_view(), name="coupon-confirm"),
    path("coupons/redemptions/<int:pk>/release", campaigns.CouponReleaseView.as_view(), name="coupon-release"),
    path("coupons/redemptions/<int:pk>/rollback", campaigns.CouponRollBackView.as_view(), name="coupon-rollback"),
    path("customers/<str:number>/coupons", campaigns.CustomerCouponsView.as_view(), name="customer-coupons"),
    path("lottery/<str:code>", campaigns.LotteryView.as_view(), name="lottery"),
    path("lottery/<str:code>/draws", campaigns.LotteryDrawsView.as_view(), name="lottery-draws"),
    path("lottery/<str:code>/tickets", campaigns.LotteryTicketsView.as_view(), name="lottery-tickets"),
    path("lottery/draws/<int:pk>/claim", campaigns.DrawClaimView.as_view(), name="lottery-claim"),
    path("credit/authorisations/<int:pk>/capture", campaigns.CreditCaptureView.as_view(), name="credit-capture"),
    path("credit/authorisations/<int:pk>/void", campaigns.CreditVoidView.as_view(), name="credit-void"),
    path("credit/<str:number>", campaigns.CreditView.as_view(), name="credit"),
    path(
        "credit/<str:number>/authorisations", campaigns.CreditAuthorisationsView.as_view(), name="credit-authorisations"
    ),
    path("credit/<str:number>/payments", campaigns.CreditPaymentsView.as_view(), name="credit-payments"),
]
