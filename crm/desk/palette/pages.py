"""The door of the palette. What is typed may be a phone: it is posted, never part of an address."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.palette.groups import LONGEST, groups


@needs(Permission.READ_MESSAGES)
@require_POST
def palette(request: StaffRequest) -> HttpResponse:
    text = request.POST.get("q", "")[:LONGEST]
    context = {"groups": groups(request.user, text), "text": text.strip()}
    name = "desk/palette/_groups.html" if request.htmx else "desk/palette/palette.html"
    response = render(request, name, context)
    response["Cache-Control"] = "no-store"
    return response
