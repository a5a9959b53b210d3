"""Data and connections: imports and webhooks."""

from django.urls import path

from crm.desk.admin import imports, webhooks

urlpatterns = [
    path("imports/", imports.imports, name="imports"),
    path("imports/<int:pk>/", imports.import_run, name="import"),
    path("imports/<int:pk>/rejected/", imports.rejected, name="import_rejected"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/do/", webhooks.act, name="webhook_do"),
]
