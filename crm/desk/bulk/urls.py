"""Bulk runs: asked for over a list, and each with its page."""

from django.urls import path

from crm.desk.bulk import pages

urlpatterns = [
    path("bulk/", pages.runs, name="bulk_runs"),
    path("bulk/strip/", pages.strip, name="bulk_strip"),
    path("bulk/<int:pk>/", pages.run, name="bulk_run"),
    path("bulk/<int:pk>/progress/", pages.progress, name="bulk_progress"),
    path("bulk/<int:pk>/confirm/", pages.confirm, name="bulk_confirm"),
    path("bulk/<int:pk>/stop/", pages.stop, name="bulk_stop"),
    path("bulk/<int:pk>/undo/", pages.undo, name="bulk_undo"),
    path("bulk/<int:pk>/file/", pages.fetch, name="bulk_fetch"),
    path("bulk/<int:pk>/results/", pages.results, name="bulk_results"),
    path("bulk/<slug:list_>/<slug:kind>/", pages.ask, name="bulk_ask"),
    path("bulk/<slug:list_>/<slug:kind>/start/", pages.start, name="bulk_start"),
]
