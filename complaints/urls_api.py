"""Below /api/v1/."""

from django.urls import path

from complaints import api

urlpatterns = [
    path("complaints", api.ComplaintsView.as_view(), name="complaint-list"),
    path("complaints/inbound", api.InboundView.as_view(), name="complaint-inbound"),
    path("complaints/surveys/due", api.SurveysView.as_view(), name="surveys-due"),
    path("complaints/<str:number>", api.ComplaintView.as_view(), name="complaint-detail"),
    path("complaints/<str:number>/messages", api.MessagesView.as_view(), name="complaint-messages"),
    path("complaints/<str:number>/transitions", api.TransitionsView.as_view(), name="complaint-transitions"),
    path("customers/<str:number>/prompts", api.PromptsView.as_view(), name="customer-prompts"),
    path("prompts/<int:pk>/acknowledge", api.AcknowledgeView.as_view(), name="prompt-acknowledge"),
]
