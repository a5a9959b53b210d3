"""Data, connections and settings: imports, products, tokens, webhooks, and the room that leads to every rule."""

from django.urls import path

from crm.desk.admin import fields, import_runs, imports, mall, products, settings, webhooks
from crm.desk.admin.tokens import tokens

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
    path("fields/", fields.custom_fields, name="custom_fields"),
    path("fields/<int:pk>/", fields.custom_field, name="custom_field"),
    path("products/", products.products, name="products"),
    path("products/new/", products.product_new, name="product_new"),
    path("products/<int:pk>/", products.product, name="product"),
    path("products/categories/", products.categories, name="categories"),
    path("products/categories/<int:pk>/", products.category, name="category"),
    path("products/categories/<int:pk>/rename/", products.category_rename, name="category_rename"),
    path("products/categories/<int:pk>/merge/", products.category_merge, name="category_merge"),
    path("settings/", settings.settings, name="settings"),
    path("settings/mall/", mall.mall, name="mall"),
    path("settings/second-factor/", mall.require_second_factor, name="mall_second_factor"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:pk>/rotate/", tokens.rotate, name="token_rotate"),
    path("tokens/<int:pk>/revoke/", tokens.revoke, name="token_revoke"),
    path("imports/<int:pk>/reading/", imports.read, name="import_reading"),
    path("imports/<int:pk>/profile/", imports.use_profile, name="import_use_profile"),
    path("imports/<int:pk>/kind/", imports.treat_as, name="import_kind"),
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
