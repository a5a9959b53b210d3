"""Below /api/v1/."""

from django.urls import path

from loyalty import api_tiers

urlpatterns = [path("customers/<str:number>/tier", api_tiers.TierView.as_view(), name="customer-tier")]
