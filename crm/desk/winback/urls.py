"""Alerts worked to their end, suspicions, the lost; and those who rise."""

from django.urls import path

from crm.desk.winback import alert, lost, rising, suspect

urlpatterns = [
    path("alerts/<int:pk>/", alert.alert, name="alert"),
    path("alerts/<int:pk>/comment/", alert.comment, name="alert_comment"),
    path("alerts/<int:pk>/agree/", alert.agree, name="alert_agree"),
    path("alerts/<int:pk>/decide/", alert.decide, name="alert_decide"),
    path("alerts/<int:pk>/lost/", alert.close_lost, name="alert_lost"),
    path("alerts/<int:pk>/interview/", alert.interview, name="alert_interview"),
    path("customers/<int:pk>/suspect/", suspect.suspect, name="suspect"),
    path("lost/", lost.lost, name="lost"),
    path("rising/", rising.rising, name="rising"),
    path("rising/<int:pk>/adopt/", rising.adopt, name="rising_adopt"),
    path("rising/<int:pk>/not-now/", rising.not_now, name="rising_not_now"),
    path("rising/<int:pk>/reopen/", rising.reopen, name="rising_reopen"),
]
