"""Segments: the list, one of them, and the builder."""

from django.urls import path

from crm.desk.segments import editing, lists, segment

urlpatterns = [
    path("segments/", lists.segments, name="segments"),
    path("segments/new/", editing.new, name="segment_new"),
    path("segments/draft/", editing.draft_changed, name="segment_draft"),
    path("segments/count/", editing.count, name="segment_count"),
    path("segments/of/<slug:code>/", segment.segment, name="segment"),
    path("segments/of/<slug:code>/revise/", editing.revise, name="segment_revise"),
    path("segments/of/<slug:code>/rename/", segment.rename, name="segment_rename"),
    path("segments/of/<slug:code>/track/", segment.track, name="segment_track"),
    path("segments/of/<slug:code>/untrack/", segment.untrack, name="segment_untrack"),
    path("segments/of/<slug:code>/share/", segment.share, name="segment_share"),
    path("segments/of/<slug:code>/archive/", segment.archive, name="segment_archive"),
    path("segments/of/<slug:code>/find/", segment.find, name="segment_find"),
    path("segments/of/<slug:code>/why/<int:pk>/", segment.why, name="segment_why"),
]
