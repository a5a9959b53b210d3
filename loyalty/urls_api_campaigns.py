"""Below /api/v1/."""

from django.urls import path

from loyalty import api_campaigns as api

urlpatterns = [
    path("coupons/validate", api.CouponValidateView.as_view(), name="coupon-validate"),
    path("coupons/reserve", api.CouponReserveView.as_view(), name="coupon-reserve"),
    path("coupons/redemptions/<int:pk>/confirm", api.CouponConfirmView.as_view(), name="coupon-confirm"),
    path("coupons/redemptions/<int:pk>/release", api.CouponReleaseView.as_view(), name="coupon-release"),
    path("coupons/redemptions/<int:pk>/rollback", api.CouponRollBackView.as_view(), name="coupon-rollback"),
    path("customers/<str:number>/coupons", api.CustomerCouponsView.as_view(), name="customer-coupons"),
    path("lottery/<str:code>", api.LotteryView.as_view(), name="lottery"),
    path("lottery/<str:code>/draws", api.LotteryDrawsView.as_view(), name="lottery-draws"),
    path("lottery/<str:code>/tickets", api.LotteryTicketsView.as_view(), name="lottery-tickets"),
    path("lottery/draws/<int:pk>/claim", api.DrawClaimView.as_view(), name="lottery-claim"),
    path("credit/authorisations/<int:pk>/capture", api.CreditCaptureView.as_view(), name="credit-capture"),
    path("credit/authorisations/<int:pk>/void", api.CreditVoidView.as_view(), name="credit-void"),
    path("credit/<str:number>", api.CreditView.as_view(), name="credit"),
    path("credit/<str:number>/authorisations", api.CreditAuthorisationsView.as_view(), name="credit-authorisations"),
    path("credit/<str:number>/payments", api.CreditPaymentsView.as_view(), name="credit-payments"),
]
