"""Data and connections: imports and webhooks."""

from django.urls import path

from crm.desk.admin import import_runs, imports, webhooks

urlpatterns = [
    path("imports/", imports.imports, name="imports"),
    path("imports/sources/", import_runs.import_sources, name="import_sources"),
    path("imports/<int:pk>/plan/", import_runs.import_plan, name="import_plan"),
    path("imports/<int:pk>/go/", import_runs.import_go, name="import_go"),
    path("imports/<int:pk>/cancel/", import_runs.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/undo/", import_runs.import_undo, name="import_undo"),
    path("imports/<int:pk>/answer/", import_runs.import_answer, name="import_answer"),
    path("imports/<int:pk>/", imports.import_file, name="import"),
    path("imports/<int:pk>/check/", imports.check, name="import_check"),
    path("imports/<int:pk>/run/", imports.run, name="import_run"),
    path("imports/<int:pk>/rejected/", imports.rejected, name="import_rejected"),
    path("imports/<int:pk>/reading/", imports.read, name="import_reading"),
    path("imports/<int:pk>/profile/", imports.use_profile, name="import_use_profile"),
    path("imports/profiles/", imports.profiles, name="import_profiles"),
    path("imports/profiles/<int:pk>/export/", imports.export_profile, name="import_profile_export"),
    path("imports/profiles/<int:pk>/delete/", imports.delete_profile, name="import_profile_delete"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/disable/", webhooks.disable, name="webhook_disable"),
    path("webhooks/<int:pk>/enable/", webhooks.enable, name="webhook_enable"),
    path("webhooks/<int:pk>/test/", webhooks.send_test, name="webhook_test"),
    path("webhooks/<int:pk>/replay/", webhooks.replay, name="webhook_replay"),
    path("webhooks/<int:pk>/events/", webhooks.choose_events, name="webhook_events"),
    path("webhooks/<int:pk>/secret/", webhooks.renew_secret, name="webhook_secret"),
]
