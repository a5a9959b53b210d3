"""The bell: what needs this person, the news of the day behind it, and how each of them goes away."""

import re
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from complaints.models import Case
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.jobs import bulk
from core.lib.errors import DomainError
from core.outbox import bell as verbs
from core.outbox.kinds import NEVER_OFF, Topic
from core.outbox.models import Message, NoticeChoice
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.desk.work import digest as digest_page
from crm.desk.work.forms import NoticesForm
from crm.flows import notices, waiting
from customers.access import in_reach
from customers.models import Customer

OF_A_CUSTOMER = re.compile(r"/customers/([0-9]+)/")
EARLIER = 25
A_WEEK = timedelta(days=7)
ICONS = {
    Topic.APPROVAL: "scale",
    Topic.PROMISE: "clock",
    Topic.QUESTION: "help",
    Topic.CASE: "flag",
    Topic.BIG: "star",
    Topic.UNHAPPY: "mood-sad",
    Topic.REFUSED: "ban",
    Topic.FAULT: "alert-circle",
    Topic.BULK: "checks",
    Topic.ALERT: "alert-triangle",
    Topic.IMPORT: "file-import",
    Topic.IMPROVEMENT: "bulb",
    Topic.DIGEST: "sun",
}


class Row(NamedTuple):
    """A thread as it stands on the bell: its newest words and how many more there are."""

    message: Message
    text: str
    icon: str
    topic: str
    more: int
    can_mute: bool


@needs(Permission.READ_MESSAGES)
def bell(request: StaffRequest) -> HttpResponse:
    return render(request, "desk/work/bell.html", _context(request))


@needs(Permission.READ_MESSAGES)
def count(request: StaffRequest) -> HttpResponse:
    """The two numbers of the frame, what rings and what waits for a decision; and whether a bulk run is followed."""
    context = {
        "bulk_going": bulk.of_person(request.user).filter(state__in=bulk.GOING).exists(),
        "bell_count": verbs.count(request.user),
        "approvals_count": len(waiting.for_user(request.user, at=now())),
    }
    return render(request, "desk/work/_counts.html", context)


@needs(Permission.READ_MESSAGES)
def open_message(request: StaffRequest, pk: int) -> HttpResponse:
    """Where the message leads, which is thereby read; what was merged leads to what it was merged into."""
    message = _mine(request.user, pk)
    verbs.read(request.user, message, at=now())
    where = _where(message)
    if (match := OF_A_CUSTOMER.match(where)) and not in_reach([request.user], [int(match[1])], today())[
        request.user.pk
    ]:
        # Looked up on another day, or handed to another team since.
        messages.info(request, _("This customer is not in your reach now: look them up by their number first."))
        return redirect("desk:bell")
    return redirect(where)


@needs(Permission.READ_MESSAGES)
@require_POST
def read(request: StaffRequest, pk: int) -> HttpResponse:
    """The whole thread is seen to, as far as this person is concerned."""
    message = _mine(request.user, pk)
    verbs.read(request.user, message, at=now())
    return _answer(request, _("Seen to: %(text)s") % {"text": notices.text_of(message)})


@needs(Permission.READ_MESSAGES)
@require_POST
def unread(request: StaffRequest, pk: int) -> HttpResponse:
    verbs.unread(request.user, _mine(request.user, pk))
    return _answer(request, _("Back on the bell"))


@needs(Permission.READ_MESSAGES)
@require_POST
def read_all(request: StaffRequest) -> HttpResponse:
    verbs.read_all(request.user, at=now())
    if verbs.count(request.user):
        return _answer(request, _("Seen to, but for what somebody waits for: approvals, and promises that still run."))
    return _answer(request, _("Everything is seen to"))


@needs(Permission.READ_MESSAGES)
@require_POST
def mute(request: StaffRequest, pk: int) -> HttpResponse:
    """Messages of this topic go to the digest from now on."""
    message = _mine(request.user, pk)
    try:
        if message.topic in NEVER_OFF:
            raise DomainError(_("Approvals and promises keep ringing: somebody waits for them."), code="never_off")
        choice = verbs.choose(request.user, message.topic, NoticeChoice.Level.NEWS)
    except DomainError as refusal:
        return _answer(request, str(refusal), tone="error")
    text = _("From now on only in the digest: %(topic)s. Changed in the settings of the bell.")
    return _answer(request, text % {"topic": choice.get_topic_display()})


@needs(Permission.READ_MESSAGES)
@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest) -> HttpResponse:
    """What rings, what goes to the digest and what stays away, topic by topic."""
    form = NoticesForm(request.POST or None, levels=verbs.levels(request.user))
    if request.method == "POST" and form.is_valid():
        for topic, level in form.chosen():
            verbs.choose(request.user, topic, level)
        if not form.cleaned_data["mail"]:
            verbs.no_mail(request.user)
        messages.success(request, _("Saved"))
        return redirect("desk:bell")
    context = {"form": form, "address": request.user.email}
    return render(request, "desk/work/bell_settings.html", context, status=422 if form.errors else 200)


@needs(Permission.READ_MESSAGES)
def digest(request: StaffRequest) -> HttpResponse:
    """The day in one page: what was kept, what comes first, what waits, and the news of a week, which are thereby read."""
    context = digest_page.context(request.user, today(), now())
    context["news"] = [_row(thread) for thread in verbs.news_since(request.user, now() - A_WEEK)]
    verbs.read_news(request.user, at=now())
    return render(request, "desk/work/digest.html", context)


def _mine(user: User, pk: int) -> Message:
    return get_object_or_404(verbs.of_person(user), pk=pk)


def _where(message: Message) -> str:
    """The link; for a case or a customer that was merged away, of the one that is left."""
    about, _colon, number = message.thread.partition(":")
    if about == "case" and number.isdigit():
        into = Case.objects.filter(pk=int(number)).values_list("merged_into", flat=True).first()
        return f"/complaints/{into}/" if into else message.link
    if message.link.startswith("/customers/"):
        first, rest = message.link.removeprefix("/customers/").split("/", 1)
        into = Customer.objects.filter(pk=int(first)).values_list("merged_into", flat=True).first()
        return f"/customers/{into}/{rest}" if into else message.link
    return message.link or "/bell/"


def _row(thread: verbs.Thread) -> Row:
    message = thread.message
    topic = Topic(message.topic)
    return Row(
        message, notices.text_of(message), ICONS[topic], str(topic.label), thread.unread - 1, topic not in NEVER_OFF
    )


def _context(request: StaffRequest) -> dict[str, Any]:
    everything = request.GET.get("all") == "1"
    ringing = verbs.of(request.user, everything=everything)
    earlier = page_of(request, verbs.earlier(request.user), EARLIER)
    return {
        "rows": [_row(thread) for thread in ringing.threads],
        "rest": ringing.rest,
        "news_count": verbs.news_count(request.user),
        "earlier": earlier.of([_row(verbs.Thread(message, 1)) for message in earlier.rows]),
    }


def _answer(request: StaffRequest, text: str, *, tone: str = "success") -> HttpResponse:
    """The bell as it now is, with a word on what happened; a plain form is sent to the page."""
    if not request.htmx:
        messages.add_message(request, messages.ERROR if tone == "error" else messages.SUCCESS, text)
        return redirect("desk:bell")
    answer = render(request, "desk/work/bell.html#bell", {**_context(request), "swapped": True})
    return trigger_client_event(answer, "toast", {"text": text, "tone": tone})
