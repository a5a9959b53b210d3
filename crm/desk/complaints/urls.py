"""The complaint desk: the queue, the call, the case, figures and settings."""

from django.urls import path

from crm.desk.complaints import calendars, case, log, queue, reports, setup, silent

urlpatterns = [
    path("complaints/", queue.queue, name="complaints"),
    path("complaints/board/", queue.board, name="complaint_board"),
    path("complaints/number/", queue.find_number, name="complaint_find_number"),
    path("complaints/new/", log.new, name="complaint_new"),
    path("complaints/new/find/", log.find, name="complaint_find"),
    path("complaints/new/caller/", log.caller, name="complaint_caller"),
    path("complaints/<int:pk>/", case.complaint, name="complaint"),
    path("complaints/<int:pk>/logged/", log.logged, name="complaint_logged"),
    path("complaints/<int:pk>/do/", case.act, name="complaint_do"),
    path("complaints/<int:pk>/draft/", case.draft, name="complaint_draft"),
    path("complaints/<int:pk>/claim/", queue.claim, name="complaint_claim"),
    path("complaints/silent/", silent.silent, name="complaint_silent"),
    path("complaints/silent/<int:pk>/", silent.close, name="complaint_silent_close"),
    path("complaints/reports/", reports.complaint_reports, name="complaint_reports"),
    path("complaints/actions/", reports.actions, name="complaint_actions"),
    path("complaints/actions/<int:pk>/", reports.act, name="complaint_action"),
    path("complaints/settings/members/set/", setup.member, name="complaint_member"),
    path("complaints/settings/priorities/save/", setup.priorities, name="complaint_priorities"),
    path("complaints/settings/promises/save/", setup.promises, name="complaint_promises"),
    path("complaints/settings/<slug:part>/", setup.settings_page, name="complaint_settings"),
    path("complaints/settings/<slug:part>/store/", setup.store, name="complaint_store"),
    path("complaints/calendars/", calendars.calendars, name="complaint_calendars"),
    path("complaints/calendars/<int:pk>/", calendars.calendar, name="complaint_calendar"),
    path("complaints/calendars/<int:pk>/week/", calendars.set_week, name="complaint_calendar_week"),
    path("complaints/calendars/<int:pk>/day/", calendars.set_day, name="complaint_calendar_day"),
    path("complaints/calendars/<int:pk>/holidays/", calendars.import_holidays, name="complaint_calendar_import"),
    path("complaints/calendars/<int:pk>/recalculate/", calendars.recalculate, name="complaint_calendar_again"),
    path("complaints/calendars/<int:pk>/confirm/", calendars.confirm_year, name="complaint_calendar_confirm"),
]
