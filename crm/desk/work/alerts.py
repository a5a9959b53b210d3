"""The alerts: open, or ended."""

from django.http import HttpResponse

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.lists import answers
from crm.desk.takeout.taking import takeable
from crm.desk.work.lists.alert_list import ALERT_LIST
from segmentation import queries
from segmentation.shop import notes


@needs(Permission.WORK_ALERTS)
@takeable("alerts")
def alerts(request: StaffRequest) -> HttpResponse:
    more = {
        "silent": queries.silent_sources(),
        "unusual": queries.unusual(request.user, notes.OF_ALERTS),
    }
    return answers.show(request, ALERT_LIST, "desk/work/alerts.html", **more)
