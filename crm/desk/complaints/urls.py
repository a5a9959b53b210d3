"""The complaint desk: the queue, the call, the case, figures and settings.

What can be done about a case has its routes in `deeds.py`: `complaint_resolve`, `complaints/<pk>/resolve/`.
"""

from django.urls import path

from core.accounts.roles import Permission
from crm.desk.complaints import actions, case, log, reports, silent
from crm.desk.complaints.calls import asides, linking
from crm.desk.complaints.deeds import DEEDS
from crm.desk.complaints.files import pages
from crm.desk.complaints.questions import pages as questions
from crm.desk.complaints.queue import pages as queue
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.complaints.setup import away, calendars, settings
from crm.desk.lists.routes import routes_of

urlpatterns = [
    *routes_of(CASE_LIST, Permission.WORK_COMPLAINTS, "complaints/", queue.queue),
    path("complaints/board/", queue.board, name="complaint_board"),
    path("complaints/number/", queue.find_number, name="complaint_find_number"),
    path("complaints/<int:pk>/claim/", queue.claim, name="complaint_claim"),
    path("complaints/calls/<int:pk>/made/", queue.call_made, name="complaint_call_made"),
    # The call
    path("complaints/new/", log.new, name="complaint_new"),
    path("complaints/new/find/", log.find, name="complaint_find"),
    path("complaints/new/caller/", log.caller, name="complaint_caller"),
    path("complaints/new/stranger/", log.stranger, name="complaint_stranger"),
    path("complaints/new/promises/", asides.promises, name="complaint_promises"),
    path("complaints/<int:pk>/logged/", log.logged, name="complaint_logged"),
    path("complaints/<int:pk>/promise/", log.promise, name="complaint_promise"),
    path("complaints/<int:pk>/link/", linking.link, name="complaint_link"),
    path("complaints/<int:pk>/link/to/", linking.link_to, name="complaint_link_to"),
    path("complaints/<int:pk>/link/new/", linking.link_new, name="complaint_link_new"),
    path("complaints/<int:pk>/phone/", asides.phone_of, name="complaint_phone_of"),
    path("complaints/phone/", asides.phone, name="complaint_phone"),
    path("complaints/callers/<int:pk>/", asides.mark, name="complaint_mark"),
    path("complaints/callers/<int:pk>/remove/", asides.unmark, name="complaint_unmark"),
    # The case
    path("complaints/<int:pk>/", case.complaint, name="complaint"),
    path("complaints/<int:pk>/draft/", case.draft, name="complaint_draft"),
    path("complaints/<int:pk>/customer/", case.customer, name="complaint_customer"),
    path("complaints/<int:pk>/files/", pages.add, name="complaint_files"),
    path("complaints/<int:pk>/files/link/", pages.ask, name="complaint_upload_link"),
    path("complaints/<int:pk>/files/<int:file>/", pages.show, name="complaint_file"),
    path("complaints/<int:pk>/files/<int:file>/remove/", pages.remove, name="complaint_file_remove"),
    *(path(deed.path, case.view_of(deed), name=deed.route) for deed in DEEDS.values()),
    # Asked of a department
    path("questions/", questions.questions, name="questions"),
    path("questions/<int:pk>/", questions.question, name="question"),
    path("questions/<int:pk>/files/<int:file>/", questions.file, name="question_file"),
    path("questions/<int:pk>/accept/", questions.accept, name="question_accept"),
    path("questions/<int:pk>/answer/", questions.answer, name="question_answer"),
    path("questions/<int:pk>/decline/", questions.decline, name="question_decline"),
    # Those who say nothing
    path("complaints/silent/", silent.silent, name="complaint_silent"),
    path("complaints/silent/<int:pk>/called/", silent.called, name="complaint_silent_called"),
    path("complaints/silent/<int:pk>/dismiss/", silent.dismiss, name="complaint_silent_dismiss"),
    path("complaints/silent/<int:pk>/convert/", silent.convert, name="complaint_silent_convert"),
    # Figures and causes
    path("complaints/reports/", reports.complaint_reports, name="complaint_reports"),
    path("complaints/actions/", actions.actions, name="complaint_actions"),
    path("complaints/actions/<int:pk>/plan/", actions.plan, name="complaint_action_plan"),
    path("complaints/actions/<int:pk>/done/", actions.done, name="complaint_action_done"),
    path("complaints/actions/<int:pk>/close/", actions.close, name="complaint_action_close"),
    path("complaints/actions/<int:pk>/drop/", actions.drop, name="complaint_action_drop"),
    # Settings
    path("complaints/settings/members/set/", settings.set_member, name="complaint_member_set"),
    path("complaints/settings/members/<int:pk>/", settings.change_member, name="complaint_member_change"),
    path("complaints/settings/members/<int:pk>/away/", away.note, name="complaint_member_away"),
    path("complaints/settings/members/away/<int:pk>/drop/", away.drop, name="complaint_member_here"),
    path("complaints/settings/members/left/", settings.member_left, name="complaint_member_left"),
    path("complaints/settings/members/remove/", settings.remove_member, name="complaint_member_remove"),
    path("complaints/settings/priorities/save/", settings.save_priorities, name="complaint_priorities_save"),
    path("complaints/settings/promises/draft/", settings.draft_promises, name="complaint_promises_draft"),
    path("complaints/settings/promises/save/", settings.save_promises, name="complaint_promises_save"),
    path("complaints/settings/promises/publish/", settings.publish_promises, name="complaint_promises_publish"),
    path("complaints/settings/<slug:part>/", settings.settings_page, name="complaint_settings"),
    path("complaints/settings/<slug:part>/store/", settings.store, name="complaint_store"),
    path("complaints/calendars/", calendars.calendars, name="complaint_calendars"),
    path("complaints/calendars/<int:pk>/", calendars.calendar, name="complaint_calendar"),
    path("complaints/calendars/<int:pk>/week/", calendars.set_week, name="complaint_calendar_week"),
    path("complaints/calendars/<int:pk>/day/", calendars.set_day, name="complaint_calendar_day"),
    path("complaints/calendars/<int:pk>/holidays/", calendars.import_holidays, name="complaint_calendar_import"),
    path("complaints/calendars/<int:pk>/recalculate/", calendars.recalculate, name="complaint_calendar_again"),
    path("complaints/calendars/<int:pk>/confirm/", calendars.confirm_year, name="complaint_calendar_confirm"),
]
