"""Files chosen while a call is logged: kept with the call, before there is a case, through every save that is refused."""

from typing import Any
from uuid import UUID

from complaints.attachments import contents, files
from core.accounts.models import User
from core.accounts.permissions import StaffRequest
from core.lib.errors import DomainError
from crm.desk.complaints.files.pages import AT_ONCE, taken
from crm.desk.today import now


def take_in(request: StaffRequest) -> list[str]:
    """What was sent is kept with the call, and what was unticked is not any more; a sentence for each that is refused."""
    key = key_of(request.POST.get("client_key", ""))
    if not key:
        return []
    kept = {int(text) for text in request.POST.getlist("kept") if text.isdecimal() and len(text) < 19}
    for row in files.of_call(key, request.user):
        if str(row.pk) in request.POST.getlist("shown") and row.pk not in kept:
            files.drop_of_call(row.pk, by=request.user)
    good, refused = taken(request.FILES.getlist("files")[:AT_ONCE])
    for name, file in good:
        try:
            files.keep_for_call(key, name=name, file=file, by=request.user, at=now())
        except DomainError as refusal:
            refused.append(f"{name[:60]}: {refusal}")
    return refused


def key_of(text: str) -> str:
    """The key of the call as it is stored; empty for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def context(key: str, user: User) -> dict[str, Any]:
    """The part of the page of a call."""
    rows = files.of_call(key_of(key), user) if key_of(key) else []
    return {"call_files": rows, "most_mb": contents.LARGEST // 1024**2}
