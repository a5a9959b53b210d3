"""The case page: what was said, what is owed and why, and everything that can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import handover, lifecycle, priority, prompts, remedies, transitions
from complaints.models import (
    Case,
    CaseEvent,
    CaseMessage,
    Category,
    Clock,
    Department,
    Handover,
    Metric,
    Pause,
    Queue,
    Remedy,
    ReplyTemplate,
    RootCause,
    ServicePrompt,
)
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from complaints.models.clocks import LIVE
from complaints.models.remedies import RemedyKind
from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import RIGHTS, Field, Permission
from core.lib.errors import DomainError
from crm.desk.complaints.log import said, zone
from crm.desk.long_select import LongSelect
from crm.desk.today import now
from customers.models import Todo

Status = Case.Status
TONES = {
    Status.NEW: "blue",
    Status.IN_PROGRESS: "blue",
    Status.WAITING_CUSTOMER: "grey",
    Status.WAITING_INTERNAL: "violet",
    Status.RESOLVED: "green",
    Status.CLOSED: "grey",
}
ICONS = {
    "logged": "flag",
    "claimed": "user-check",
    "assigned": "user",
    "routed": "user",
    "released": "users",
    "transferred": "arrows-exchange",
    "edited": "edit",
    "prioritised": "flag",
    "waited": "hourglass",
    "resumed": "player-play",
    "handed_over": "building-store",
    "handover_accepted": "check",
    "remedy": "gift",
    "handover_answered": "checks",
    "handover_rejected": "x",
    "resolved": "circle-check",
    "reopened": "refresh",
    "closed": "lock",
    "merged": "copy",
    "absorbed": "copy",
    "escalated": "alert-triangle",
    "answered": "star",
}
SIMILAR_DAYS = 30
PROMINENT = (
    "claim",
    "acknowledge",
    "keep",
    "take_up",
    "wait",
    "resume",
    "resolve",
    "customer",
    "ask",
    "remedy",
    "reopen",
    "close",
)


# The forms: one per thing that can be done ---------------------------------------------------------------------------


class Act(forms.Form):
    """Every form says which state of the case its author saw."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


class ReplyForm(Act):
    body = forms.CharField(label=gettext_lazy("Words"), widget=forms.Textarea(attrs={"rows": 4}), max_length=20000)
    as_note = forms.BooleanField(required=False)
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"),
        choices=Case.Channel.choices,
        required=False,
        widget=forms.Select(attrs={"class": "lk-input"}),
    )
    then_wait = forms.ChoiceField(
        label=gettext_lazy("then wait for"),
        choices=[("", gettext_lazy("nothing")), *Pause.Reason.choices[:-1]],
        required=False,
        widget=forms.Select(attrs={"class": "lk-input"}),
    )
    request_key = forms.UUIDField(widget=forms.HiddenInput, required=False)


class CustomerSaidForm(Act):
    body = forms.CharField(label=gettext_lazy("What the customer said"), widget=forms.Textarea(attrs={"rows": 3}))
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Case.Channel.choices)


class ReasonForm(Act):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class WaitForm(Act):
    reason = forms.ChoiceField(label=gettext_lazy("For what?"), choices=Pause.Reason.choices[:-1])


class AssignForm(Act):
    owner = forms.ModelChoiceField(label=gettext_lazy("New owner"), queryset=User.objects.none(), widget=LongSelect)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = [role for role, rights in RIGHTS.items() if Permission.WORK_COMPLAINTS in rights.permissions]
        field = self.fields["owner"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = User.objects.filter(is_active=True, role__in=roles).order_by("full_name")


class TransferForm(Act):
    queue = forms.ModelChoiceField(label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class EditForm(Act):
    title = forms.CharField(label=gettext_lazy("Subject"), max_length=200)
    description = forms.CharField(
        label=gettext_lazy("What happened"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    order_ref = forms.CharField(label=gettext_lazy("Order"), max_length=80, required=False)
    product_ref = forms.CharField(label=gettext_lazy("Product"), max_length=80, required=False)
    remedy_sought = forms.CharField(label=gettext_lazy("What the customer wants"), max_length=300, required=False)
    external_case = forms.CharField(
        label=gettext_lazy("Number with the authority or platform"), max_length=80, required=False
    )


class ClassifyForm(Act):
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.filter(active=True, parent__isnull=False).select_related("parent"),
    )
    severity = forms.TypedChoiceField(label=gettext_lazy("Severity"), choices=Severity.choices, coerce=int)


class PriorityForm(Act):
    to = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), choices=[(n, f"P{n}") for n in (1, 2, 3, 4)], coerce=int
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class ResolveForm(Act):
    outcome = forms.ChoiceField(label=gettext_lazy("How it ended"), choices=Case.Outcome.choices)
    justified = forms.ChoiceField(label=gettext_lazy("Was the complaint justified?"), choices=Case.Justified.choices)
    root_cause = forms.ModelChoiceField(
        label=gettext_lazy("Why it happened"),
        required=False,
        queryset=RootCause.objects.filter(active=True)
        .select_related("department")
        .order_by("department__name", "name"),
    )
    resolution = forms.CharField(label=gettext_lazy("What was done"), widget=forms.Textarea(attrs={"rows": 3}))
    reply = forms.CharField(
        label=gettext_lazy("Tell the customer"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    survey = forms.BooleanField(label=gettext_lazy("Ask afterwards whether all is well"), required=False, initial=True)


class MergeForm(Act):
    into = forms.ModelChoiceField(label=gettext_lazy("Into"), queryset=Case.objects.none())
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)


class AskForm(Act):
    department = forms.ModelChoiceField(
        label=gettext_lazy("Department"), queryset=Department.objects.filter(active=True).order_by("name")
    )
    assignee = forms.ModelChoiceField(
        label=gettext_lazy("By name"),
        required=False,
        widget=LongSelect,
        queryset=User.objects.filter(is_active=True).exclude(role=Role.CLIENT).order_by("full_name"),
    )
    question = forms.CharField(label=gettext_lazy("Question"), widget=forms.Textarea(attrs={"rows": 3}))
    blocking = forms.BooleanField(
        label=gettext_lazy("The case cannot be solved without the answer"), required=False, initial=True
    )


class RowForm(Act):
    row = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class RowTextForm(RowForm):
    text = forms.CharField(label=gettext_lazy("Words"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class RowReferenceForm(RowForm):
    text = forms.CharField(label=gettext_lazy("Reference"), max_length=120, required=False)


class RemedyForm(Act):
    kind = forms.ChoiceField(label=gettext_lazy("Remedy"), choices=RemedyKind.choices)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount or points"), min_value=0, max_digits=9, decimal_places=2, required=False
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)
    promised_at = forms.DateTimeField(
        label=gettext_lazy("Promised for"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    request_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def clean_promised_at(self) -> datetime | None:
        told: datetime | None = self.cleaned_data["promised_at"]
        return told.replace(tzinfo=zone()) if told else None


class PromptForm(Act):
    trigger = forms.ChoiceField(label=gettext_lazy("At"), choices=ServicePrompt.Trigger.choices)
    department = forms.ModelChoiceField(
        label=gettext_lazy("Department"),
        required=False,
        queryset=Department.objects.filter(active=True).order_by("name"),
    )
    text = forms.CharField(label=gettext_lazy("What to watch"), max_length=300)


# What can be done -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """One thing to do: its form, the call of the one verb, and the word of thanks."""

    title: Any
    form: type[Act]
    call: Callable[[Case, User, datetime, dict[str, Any]], Any]
    done: Any
    lead_only: bool = False


def _reply(case: Case, by: User, at: datetime, told: dict[str, Any]) -> None:
    key = str(told["request_key"] or "")
    if told["as_note"]:
        lifecycle.note(case.pk, by=by, at=at, body=told["body"], request_key=key)
    else:
        lifecycle.reply(
            case.pk,
            by=by,
            at=at,
            body=told["body"],
            channel=told["channel"] or case.channel,
            version=told["version"],
            request_key=key,
            then_wait=told["then_wait"],
        )


def _edit(case: Case, by: User, at: datetime, told: dict[str, Any]) -> None:
    changed = {
        name: told[name] for name in EditForm.base_fields if name != "version" and told[name] != getattr(case, name)
    }
    if changed:
        lifecycle.edit(case.pk, changed, by=by, at=at, version=told["version"] or case.version)


def _of(case: Case, rows: Any, told: dict[str, Any]) -> int:
    """The id of a row of this case; rows of other cases do not exist here."""
    if not rows.filter(case=case, pk=told["row"]).exists():
        raise Http404
    return int(told["row"])


DEEDS: dict[str, Deed] = {
    "reply": Deed(gettext_lazy("Answer"), ReplyForm, _reply, gettext_lazy("Stored")),
    "customer": Deed(
        gettext_lazy("The customer said"),
        CustomerSaidForm,
        lambda case, by, at, told: lifecycle.customer_replied(
            case.pk, at=at, body=told["body"], channel=told["channel"], by=by
        ),
        gettext_lazy("Stored"),
    ),
    "acknowledge": Deed(
        gettext_lazy("Begin"),
        Act,
        lambda case, by, at, told: lifecycle.acknowledge(case.pk, by=by, at=at, version=told["version"]),
        gettext_lazy("Work has begun"),
    ),
    "claim": Deed(
        gettext_lazy("Take"),
        Act,
        lambda case, by, at, told: lifecycle.claim(case.pk, by=by, at=at),
        gettext_lazy("The case is yours"),
    ),
    "assign": Deed(
        gettext_lazy("Give to somebody"),
        AssignForm,
        lambda case, by, at, told: lifecycle.assign(
            case.pk, told["owner"], by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Handed over"),
    ),
    "release": Deed(
        gettext_lazy("Give back to the queue"),
        ReasonForm,
        lambda case, by, at, told: lifecycle.release(
            case.pk, by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Back in the queue"),
    ),
    "transfer": Deed(
        gettext_lazy("Move to another queue"),
        TransferForm,
        lambda case, by, at, told: lifecycle.transfer(
            case.pk, told["queue"], by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Moved"),
    ),
    "edit": Deed(gettext_lazy("Correct"), EditForm, _edit, gettext_lazy("Saved")),
    "classify": Deed(
        gettext_lazy("Category and severity"),
        ClassifyForm,
        lambda case, by, at, told: lifecycle.classify(
            case.pk, category=told["category"], severity=told["severity"], by=by, at=at, version=told["version"]
        ),
        gettext_lazy("Saved"),
    ),
    "prioritise": Deed(
        gettext_lazy("Priority"),
        PriorityForm,
        lambda case, by, at, told: lifecycle.prioritise(
            case.pk, told["to"], by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Saved"),
    ),
    "wait": Deed(
        gettext_lazy("Wait for the customer"),
        WaitForm,
        lambda case, by, at, told: lifecycle.wait_for_customer(
            case.pk, reason=told["reason"], by=by, at=at, version=told["version"]
        ),
        gettext_lazy("The clocks stand still"),
    ),
    "resume": Deed(
        gettext_lazy("Go on"),
        Act,
        lambda case, by, at, told: lifecycle.resume(case.pk, by=by, at=at, version=told["version"]),
        gettext_lazy("The clocks run again"),
    ),
    "resolve": Deed(
        gettext_lazy("Solved"),
        ResolveForm,
        lambda case, by, at, told: lifecycle.resolve(
            case.pk,
            by=by,
            at=at,
            outcome=told["outcome"],
            resolution=told["resolution"],
            root_cause=told["root_cause"],
            justified=told["justified"],
            reply=told["reply"],
            survey=told["survey"],
            version=told["version"],
        ),
        gettext_lazy("Solved. The next colleague will be told."),
    ),
    "keep": Deed(
        gettext_lazy("Only thanks: stays solved"),
        Act,
        lambda case, by, at, told: lifecycle.keep_resolved(case.pk, by=by, at=at, version=told["version"]),
        gettext_lazy("Stays solved"),
    ),
    "reopen": Deed(
        gettext_lazy("Open again"),
        ReasonForm,
        lambda case, by, at, told: lifecycle.reopen(
            case.pk, by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Open again"),
    ),
    "close": Deed(
        gettext_lazy("Close"),
        Act,
        lambda case, by, at, told: lifecycle.close(case.pk, by=by, at=at, version=told["version"]),
        gettext_lazy("Closed"),
    ),
    "merge": Deed(
        gettext_lazy("Merge into another case"),
        MergeForm,
        lambda case, by, at, told: lifecycle.merge(case.pk, told["into"].pk, by=by, at=at, reason=told["reason"]),
        gettext_lazy("Merged"),
    ),
    "withdraw": Deed(
        gettext_lazy("The customer takes it back"),
        ReasonForm,
        lambda case, by, at, told: lifecycle.withdraw(
            case.pk, by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Withdrawn"),
    ),
    "invalidate": Deed(
        gettext_lazy("Not a complaint"),
        ReasonForm,
        lambda case, by, at, told: lifecycle.invalidate(
            case.pk, by=by, at=at, reason=told["reason"], version=told["version"]
        ),
        gettext_lazy("Set aside"),
    ),
    "take_up": Deed(
        gettext_lazy("Make it a complaint"),
        Act,
        lambda case, by, at, told: lifecycle.take_up(case.pk, by=by, at=at),
        gettext_lazy("Its promises run from now"),
    ),
    "redact": Deed(
        gettext_lazy("Remove words"),
        RowTextForm,
        lambda case, by, at, told: lifecycle.redact(
            case.pk, _of(case, CaseMessage.objects, told), by=by, at=at, reason=told["text"]
        ),
        gettext_lazy("Removed"),
        lead_only=True,
    ),
    "ask": Deed(
        gettext_lazy("Ask a department"),
        AskForm,
        lambda case, by, at, told: handover.ask(
            case.pk,
            told["department"],
            question=told["question"],
            by=by,
            at=at,
            assignee=told["assignee"],
            blocking=told["blocking"],
            version=told["version"],
        ),
        gettext_lazy("Asked"),
    ),
    "handover_accept": Deed(
        gettext_lazy("I take the question"),
        RowForm,
        lambda case, by, at, told: handover.accept(_of(case, Handover.objects, told), by=by, at=at),
        gettext_lazy("The question is yours"),
    ),
    "handover_answer": Deed(
        gettext_lazy("Answer the question"),
        RowTextForm,
        lambda case, by, at, told: handover.answer(_of(case, Handover.objects, told), by=by, at=at, text=told["text"]),
        gettext_lazy("Answered"),
    ),
    "handover_reject": Deed(
        gettext_lazy("Decline the question"),
        RowTextForm,
        lambda case, by, at, told: handover.reject(
            _of(case, Handover.objects, told), by=by, at=at, reason=told["text"]
        ),
        gettext_lazy("Declined"),
    ),
    "handover_cancel": Deed(
        gettext_lazy("Withdraw the question"),
        RowTextForm,
        lambda case, by, at, told: handover.cancel(
            _of(case, Handover.objects, told), by=by, at=at, reason=told["text"]
        ),
        gettext_lazy("Withdrawn"),
    ),
    "remedy": Deed(
        gettext_lazy("Offer a remedy"),
        RemedyForm,
        lambda case, by, at, told: remedies.propose(
            case.pk,
            kind=told["kind"],
            amount=told["amount"] or Decimal(0),
            reason=told["reason"],
            promised_at=told["promised_at"],
            by=by,
            at=at,
            client_key=f"case:{told['request_key'] or uuid4()}",
        ),
        gettext_lazy("Stored"),
    ),
    "remedy_approve": Deed(
        gettext_lazy("Approve"),
        RowForm,
        lambda case, by, at, told: remedies.approve(_of(case, Remedy.objects, told), by=by, at=at),
        gettext_lazy("Approved"),
    ),
    "remedy_reject": Deed(
        gettext_lazy("Refuse"),
        RowTextForm,
        lambda case, by, at, told: remedies.refuse(_of(case, Remedy.objects, told), by=by, at=at, reason=told["text"]),
        gettext_lazy("Refused"),
    ),
    "remedy_issue": Deed(
        gettext_lazy("Given"),
        RowReferenceForm,
        lambda case, by, at, told: remedies.issue(
            _of(case, Remedy.objects, told), by=by, at=at, reference=told["text"]
        ),
        gettext_lazy("On record as given"),
    ),
    "remedy_revoke": Deed(
        gettext_lazy("Take back"),
        RowTextForm,
        lambda case, by, at, told: remedies.take_back(
            _of(case, Remedy.objects, told), by=by, at=at, reason=told["text"]
        ),
        gettext_lazy("Taken back"),
    ),
    "prompt": Deed(
        gettext_lazy("Tell the next colleague"),
        PromptForm,
        lambda case, by, at, told: prompts.arm(
            case, trigger=told["trigger"], at=at, by=by, text=told["text"], department=told["department"]
        ),
        gettext_lazy("The next colleague will be told"),
    ),
}


# The page -------------------------------------------------------------------------------------------------------------


@needs(Permission.WORK_COMPLAINTS)
def complaint(request: StaffRequest, pk: int) -> HttpResponse:
    return page(request, queries.case_for(request.user, pk, now()))


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Do one of the deeds. What was typed comes back with the refusal; a second editor sees both texts."""
    case = queries.case_for(request.user, pk, now())
    name = request.POST.get("do", "")
    deed = DEEDS.get(name)
    if deed is None or (deed.lead_only and not may(request.user, Permission.LEAD_COMPLAINTS)):
        raise Http404
    form = _form(deed, case, request.POST)
    if not form.is_valid():
        return page(request, case, unfinished=(name, form), status=422)
    try:
        deed.call(case, request.user, now(), form.cleaned_data)
    except transitions.Conflict as conflict:
        case.refresh_from_db()
        return page(request, case, unfinished=(name, _again(form, case)), conflict=conflict, status=409)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        case.refresh_from_db()
        return page(request, case, unfinished=(name, form), status=422)
    messages.success(request, str(deed.done))
    back = request.POST.get("back", "")
    return redirect("desk:complaints") if back == "queue" else redirect("desk:complaint", pk)


def _form(deed: Deed, case: Case, data: Any = None) -> Act:
    form = deed.form(data) if data is not None else deed.form(initial=_first(deed, case))
    if isinstance(form, MergeForm):
        field = form.fields["into"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = _others(case)
    return form


def _first(deed: Deed, case: Case) -> dict[str, Any]:
    first: dict[str, Any] = {"version": case.version, "request_key": uuid4()}
    for name in deed.form.base_fields:
        if name not in ("version", "reason") and hasattr(case, name) and not name.startswith("_"):
            first[name] = getattr(case, name)
    first["to"] = case.priority
    return first


def _again(form: Act, case: Case) -> Act:
    """The same words, now knowing what the case has become: saving them once more is the confirming click."""
    data = dict(form.data.items())
    data["version"] = str(case.version)
    again = type(form)(data)
    again.full_clean()
    return again


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Unsent words are safe on the server."""
    case = queries.case_for(request.user, pk, now())
    form = ReplyForm(request.POST)
    form.is_valid()
    version = form.cleaned_data.get("version") or case.version
    lifecycle.save_draft(case.pk, by=request.user, body=request.POST.get("body", ""), base_version=version, at=now())
    return HttpResponse(_("Draft kept %(time)s") % {"time": f"{localtime(now(), zone()):%H:%M}"})


def page(
    request: StaffRequest,
    case: Case,
    *,
    unfinished: tuple[str, Act] | None = None,
    conflict: transitions.Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    user, at = request.user, now()
    kept = queries.draft_of(case, user)
    reply_form = ReplyForm(
        initial={
            "version": kept.base_version if kept else case.version,
            "body": kept.body if kept else "",
            "channel": case.channel if case.channel != Case.Channel.API else Case.Channel.PHONE,
            "request_key": uuid4(),
        }
    )
    if unfinished and unfinished[0] == "reply":
        reply_form = unfinished[1]  # type: ignore[assignment]
    return render(
        request,
        "desk/complaints/case.html",
        {
            "case": case,
            "customer": case.customer,
            "standing": case.customer.standing,
            "tone": TONES.get(Status(case.status), "grey"),
            "why": priority.wording(case, with_value=sees(user, Field.VALUE)),
            "reply_form": reply_form,
            "draft": kept,
            "said_since": transitions.changes_since(case, kept.base_version) if kept else [],
            "templates": _templates(case, user),
            "unfinished": {"name": unfinished[0], "form": unfinished[1], "title": DEEDS[unfinished[0]].title}
            if unfinished and unfinished[0] != "reply"
            else None,
            "conflict": conflict,
            "thread": _thread(case),
            "clocks": _clocks(case),
            "deeds": _deeds(case, user),
            "handovers": _handovers(case, user),
            "remedies": _remedies(case, user),
            "prompts": [
                {"pk": prompt.pk, "at": prompt.get_trigger_display(), "text": prompts.wording(prompt)}
                for prompt in case.prompts.filter(status="armed").select_related("case__category")
            ],
            "others": _others(case)[:5],
            "promises": Todo.objects.filter(
                customer=case.customer, state=Todo.State.OPEN, reason=Todo.Reason.PROMISE
            ).order_by("due_on")[:5],
            "similar": queries.similar(case, days=SIMILAR_DAYS, at=at).count(),
            "similar_days": SIMILAR_DAYS,
            "suggestions": _suggestions(case, user, at) if case.is_open else [],
            "lead": may(user, Permission.LEAD_COMPLAINTS),
        },
        status=status,
    )


def _others(case: Case) -> QuerySet[Case]:
    """The customer's other open cases."""
    return queries.of_customer(case.customer).filter(status__in=OPEN).exclude(pk=case.pk)


def _deeds(case: Case, user: User) -> list[dict[str, Any]]:
    """What can be done in this status, most usual first; a form without questions is a plain button."""
    if case.status in (Status.MERGED, Status.WITHDRAWN, Status.INVALID):
        return []
    if not case.is_open:
        names = ["reopen", "customer"] + (["close"] if case.status == Status.RESOLVED else [])
    else:
        names = ["resume" if case.status == Status.WAITING_CUSTOMER else "wait", "resolve", "customer", "ask", "remedy"]
        if case.owner_id is None:
            names.insert(0, "claim")
        if case.status == Status.NEW:
            names.insert(0, "acknowledge")
        if case.needs_a_look:
            names.insert(0, "keep")
        if case.kind == Case.Kind.GRUMBLE:
            names.insert(0, "take_up")
        names += ["assign", "transfer", "classify", "prioritise", "edit", "prompt"]
        names += ["release"] if case.owner_id else []
        names += ["merge"] if _others(case).exists() else []
        names += ["withdraw", "invalidate"]
    keys = {"claim": "a", "wait": "w", "resume": "w", "resolve": "e", "transfer": "t", "ask": "h", "customer": "i"}
    return [
        {
            "name": name,
            "title": DEEDS[name].title,
            "form": (form := _form(DEEDS[name], case)),
            "asks": bool(form.visible_fields()),
            "key": keys.get(name, ""),
            "prominent": name in PROMINENT,
            "primary": name in ("claim", "resolve", "keep"),
        }
        for name in names
    ]


def _templates(case: Case, user: User) -> list[dict[str, str]]:
    fields = {"name": case.customer.name, "number": case.number, "agent": str(user), "mall": settings.MALL_NAME}
    fitting = Q(category=None) | Q(category__in=[case.category_id, case.category.parent_id])
    found = ReplyTemplate.objects.filter(fitting, active=True)
    return [{"name": template.name, "text": _filled(template.body, fields)} for template in found.order_by("name")]


def _filled(body: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        body = body.replace(f"{{{name}}}", value)
    return body


def _thread(case: Case) -> list[dict[str, Any]]:
    """What was said and what happened, oldest first; of merged cases too."""
    said_ = CaseMessage.objects.filter(Q(case=case) | Q(case__merged_into=case)).select_related("author", "case")
    items: list[dict[str, Any]] = [
        {
            "at": message.sent_at,
            "order": (message.sent_at, 0, message.pk),
            "message": message,
            "who": str(message.author) if message.author and message.direction != "in" else case.customer.name,
            "from_case": message.case.number if message.case_id != case.pk else "",
        }
        for message in said_
    ]
    items.append(
        {"at": case.received_at, "order": (case.received_at, -1, 0), "opening": True, "who": case.customer.name}
    )
    quiet = {"replied", "noted", "customer_replied"}
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=_people(case))}
    items += [
        {
            "at": event.at,
            "order": (event.at, 1, event.seq),
            "event": event,
            "icon": ICONS.get(event.kind, "dots"),
            "text": _told(event, names),
            "who": str(event.actor) if event.actor else event.get_actor_kind_display(),
        }
        for event in case.events.select_related("actor").order_by("seq")
        if event.kind not in quiet
    ]
    return sorted(items, key=lambda item: item["order"])


def _people(case: Case) -> set[int]:
    owners = case.events.values_list("data__owner", flat=True)
    return {owner for owner in owners if isinstance(owner, int)}


def _told(event: CaseEvent, names: dict[int, str]) -> str:
    """One line: what, and the particulars somebody reads for."""
    data = event.data
    parts = [str(event.get_kind_display())]
    if (owner := data.get("owner")) in names and event.kind != CaseEvent.Kind.LOGGED:
        parts.append(f"→ {names[owner]}")
    if event.from_status and event.from_status != event.to_status:
        parts.append(f"({Status(event.from_status).label} → {Status(event.to_status).label})")
    for field, (before, after) in data.get("changed", {}).items():
        parts.append(f"{_label(field)}: {before or '–'} → {after or '–'}")
    if missed := data.get("breached"):
        parts.append(_("missed: %(promises)s") % {"promises": ", ".join(str(Metric(m).label) for m in missed)})
    if reason := data.get("reason"):
        parts.append(f"“{dict(Pause.Reason.choices).get(reason, reason)}”")
    return " ".join(str(part) for part in parts)


def _label(field: str) -> str:
    try:
        return str(getattr(Case._meta.get_field(field.removesuffix("_id")), "verbose_name", field))
    except FieldDoesNotExist:
        return field


def _clocks(case: Case) -> list[dict[str, Any]]:
    """Each promise with what it is made of."""
    found = case.clocks.exclude(state=Clock.State.CANCELLED).select_related("target__calendar", "target__policy")
    rows = []
    for clock in found.prefetch_related("pauses").order_by("-cycle", "started_at", "pk"):
        target = clock.target
        why = [
            _("%(minutes)d minutes of “%(calendar)s” from %(start)s")
            % {"minutes": clock.budget_minutes, "calendar": target.calendar.name, "start": _moment(clock.started_at)},
            _("because: %(class)s, %(severity)s, promises version %(version)d")
            % {
                "class": case.get_served_as_display() if target.customer_class is not None else _("every class"),
                "severity": case.get_severity_display() if target.severity is not None else _("any severity"),
                "version": target.policy.version,
            },
        ]
        why += [
            _("stood still %(start)s – %(end)s: %(reason)s")
            % {
                "start": _moment(pause.period.lower),
                "end": _moment(pause.period.upper) if pause.period.upper else _("now"),
                "reason": pause.get_reason_display(),
            }
            for pause in clock.pauses.all()
        ]
        rows.append(
            {
                "clock": clock,
                "label": target.get_metric_display(),
                "live": clock.state in LIVE,
                "tone": "red" if clock.breached_at else "green" if clock.state == Clock.State.MET else "grey",
                "why": why,
                "due": said(clock.due_at) if clock.due_at else "",
            }
        )
    return rows


def _moment(at: datetime) -> str:
    return f"{localtime(at, zone()):%m-%d %H:%M}"


def _row_form(name: str, row: int) -> Act:
    return DEEDS[name].form(initial={"row": row})


def _handovers(case: Case, user: User) -> list[dict[str, Any]]:
    rows = []
    for handed in case.handovers.select_related("to_department", "assignee", "asked_by").order_by("-asked_at"):
        waiting = handed.status in handover.UNANSWERED
        names = ["handover_answer", "handover_reject", "handover_cancel"] if waiting else []
        rows.append(
            {
                "handover": handed,
                "tone": {"done": "green", "rejected": "red", "cancelled": "grey"}.get(handed.status, "violet"),
                "late": waiting and handed.due_at < now(),
                "waiting": waiting,
                "accept": handed.status == Handover.Status.PENDING,
                "deeds": [{"name": n, "title": DEEDS[n].title, "form": _row_form(n, handed.pk)} for n in names],
            }
        )
    return rows


def _suggestions(case: Case, user: User, at: datetime) -> list[str]:
    """What fits the loss, each with what this person may still give by themselves."""
    lines = []
    for kind in remedies.suggested(case):
        left = remedies.remaining(case, kind, by=user, at=at)
        if not left:
            lines.append(str(kind.label))
        else:
            lines.append(_("%(what)s up to %(most)s") % {"what": kind.label, "most": f"{left:,.0f}"})
    return lines


def _remedies(case: Case, user: User) -> list[dict[str, Any]]:
    """Each remedy with what this user can do about it."""
    rows = []
    for remedy in case.remedies.select_related("proposed_by", "decided_by").order_by("-proposed_at"):
        names = {
            Remedy.Status.PROPOSED: ["remedy_approve", "remedy_reject"] if remedy.proposed_by_id != user.pk else [],
            Remedy.Status.APPROVED: ["remedy_issue"],
            Remedy.Status.FAILED: ["remedy_issue"],
            Remedy.Status.ISSUED: ["remedy_revoke"],
        }.get(Remedy.Status(remedy.status), [])
        rows.append(
            {
                "remedy": remedy,
                "tone": {"issued": "green", "rejected": "red", "revoked": "grey"}.get(remedy.status, "amber"),
                "deeds": [
                    {
                        "name": name,
                        "title": DEEDS[name].title,
                        "form": (form := _row_form(name, remedy.pk)),
                        "asks": bool(form.visible_fields()),
                    }
                    for name in names
                ],
            }
        )
    return rows
