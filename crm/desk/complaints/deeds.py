"""What can be done about a case: a table with a route, a form and a verb in each line. `case.py` makes views of it.

The route `complaint_resolve` is posted to `complaints/<pk>/resolve/`. (The list has a way of its own to take a case
and stay there: `complaint_claim`, in `queue.py`.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from complaints import orders, queries
from complaints.cases import handover, lifecycle, mail, prompts, remedies
from complaints.models import Case, CaseMail, CaseMessage, Handover, Remedy
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.roles import Permission
from crm.desk.complaints.forms import (
    AskForm,
    AssignForm,
    CaseForm,
    ClassifyForm,
    CustomerSaidForm,
    EditForm,
    GiveForm,
    MergeForm,
    OrdersForm,
    PriorityForm,
    PromptForm,
    ReasonForm,
    RedactForm,
    RemedyForm,
    ReplyForm,
    ResolveForm,
    RowForm,
    RowTextForm,
    TransferForm,
    WaitForm,
)
from crm.desk.today import now

Data = dict[str, Any]
Act = Callable[[Case, User, datetime, Data], Any]


@dataclass(frozen=True)
class Deed:
    """One thing to do: its route, its form, what is done with the form's data, its title, and the word of thanks."""

    route: str
    form: type[CaseForm]
    act: Act
    title: str | Promise
    done: str | Promise
    permission: Permission = Permission.WORK_COMPLAINTS

    @property
    def name(self) -> str:
        return self.route.removeprefix("complaint_")

    @property
    def path(self) -> str:
        return f"complaints/<int:pk>/{self.name.replace('_', '-')}/"

    def url(self, case: Case) -> str:
        return reverse(f"desk:{self.route}", args=[case.pk])


def others_open(case: Case) -> QuerySet[Case]:
    """The customer's other open cases."""
    if case.customer is None:
        return Case.objects.none()
    return queries.of_customer(case.customer).filter(status__in=OPEN).exclude(pk=case.pk)


def form_for(deed: Deed, case: Case, by: User, data: Mapping[str, Any] | None = None) -> CaseForm:
    """The deed's form for this case and person, as it is at first or with what was sent."""
    # Many forms stand on the page of a case, and each label leads to its own field.
    if data is None:
        form = deed.form(initial=_initial(deed, case), auto_id=f"{deed.name}-%s")
    else:
        form = deed.form(data, auto_id=f"sent-{deed.name}-%s")
    if isinstance(form, MergeForm):
        form.offer(others_open(case))
    if isinstance(form, AskForm):
        form.asked_by(by)
    if isinstance(form, GiveForm):
        row = str((data or {}).get("row", ""))
        remedy = case.remedies.filter(pk=row).first() if row.isdecimal() and len(row) < 19 else None
        if remedy is None:
            raise Http404
        form.for_remedy(remedy, now())
    return form


def _initial(deed: Deed, case: Case) -> Data:
    initial: Data = {"version": case.version, "request_key": uuid4(), "to": case.priority}
    for name in deed.form.base_fields:
        if name not in ("version", "reason") and hasattr(case, name):
            initial[name] = getattr(case, name)
    if "numbers" in deed.form.base_fields:
        initial["numbers"] = " ".join(orders.numbers_of(case))
    return initial


# How a form becomes a call of the one verb ----------------------------------------------------------------------------


def straight(verb: Callable[..., Any]) -> Act:
    """The verb takes what the form asks, by the same names."""

    def act(case: Case, by: User, at: datetime, data: Data) -> Any:
        return verb(case.pk, by=by, at=at, **data)

    return act


def of_row(model: type[Model], verb: Callable[..., Any], text: str = "") -> Act:
    """The verb takes a row of this case, and the form's text under the name `text`; rows of other cases do not exist."""

    def act(case: Case, by: User, at: datetime, data: Data) -> Any:
        if not model._default_manager.filter(case=case, pk=data["row"]).exists():
            raise Http404
        return verb(data["row"], by=by, at=at, **({text: data["text"]} if text else {}))

    return act


def _reply(case: Case, by: User, at: datetime, data: Data) -> None:
    key = str(data["request_key"] or "")
    if data["as_note"]:
        lifecycle.note(case.pk, by=by, at=at, body=data["body"], request_key=key)
    else:
        lifecycle.reply(
            case.pk,
            by=by,
            at=at,
            body=data["body"],
            channel=data["channel"] or case.channel,
            version=data["version"],
            request_key=key,
            then_wait=data["then_wait"],
        )


def _customer_said(case: Case, by: User, at: datetime, data: Data) -> None:
    lifecycle.customer_replied(case.pk, at=at, body=data["body"], channel=data["channel"], by=by)


def _take(case: Case, by: User, at: datetime, data: Data) -> None:
    lifecycle.claim(case.pk, by=by, at=at)


def _edit(case: Case, by: User, at: datetime, data: Data) -> None:
    changed = {name: data[name] for name in data["changed"] if data[name] != getattr(case, name)}
    if changed:
        lifecycle.edit(case.pk, changed, by=by, at=at, version=data["version"] or case.version)


def _orders(case: Case, by: User, at: datetime, data: Data) -> None:
    lifecycle.set_orders(case.pk, data["numbers"], by=by, at=at, version=data["version"])


def _merge(case: Case, by: User, at: datetime, data: Data) -> None:
    lifecycle.merge(case.pk, data["into"].pk, by=by, at=at, reason=data["reason"])


def _take_up(case: Case, by: User, at: datetime, data: Data) -> None:
    lifecycle.take_up(case.pk, by=by, at=at)


def _redact(case: Case, by: User, at: datetime, data: Data) -> None:
    message = get_object_or_404(CaseMessage, Q(case=case) | Q(case__merged_into=case), pk=data["row"])
    lifecycle.redact(message.case_id, message.pk, by=by, at=at, reason=data["text"])


def _of_mail(verb: Callable[..., Any]) -> Act:
    """The verb takes a mail of this case, or of one that was merged into it."""

    def act(case: Case, by: User, at: datetime, data: Data) -> Any:
        here = Q(message__case=case) | Q(message__case__merged_into=case)
        return verb(get_object_or_404(CaseMail, here, pk=data["row"]).pk, by=by, at=at)

    return act


def _offer(case: Case, by: User, at: datetime, data: Data) -> None:
    remedies.propose(
        case.pk,
        kind=data["kind"],
        amount=data["amount"] or Decimal(0),
        reason=data["reason"],
        promised_at=data["promised_at"],
        by=by,
        at=at,
        client_key=f"case:{data['request_key'] or uuid4()}",
    )


def _give(case: Case, by: User, at: datetime, data: Data) -> None:
    remedies.issue(data["row"], by=by, at=at, reference=data.get("text", ""), campaign=data.get("campaign"))


def _tell_next(case: Case, by: User, at: datetime, data: Data) -> None:
    prompts.arm(case, trigger=data["trigger"], at=at, by=by, text=data["text"], department=data["department"])


# The table ------------------------------------------------------------------------------------------------------------

_DEEDS = (
    # The conversation
    Deed("complaint_reply", ReplyForm, _reply, _("Answer"), _("Stored")),
    Deed("complaint_customer_said", CustomerSaidForm, _customer_said, _("The customer said"), _("Stored")),
    Deed("complaint_redact", RedactForm, _redact, _("Remove words"), _("Removed"), Permission.LEAD_COMPLAINTS),
    Deed(
        "complaint_prompt", PromptForm, _tell_next, _("Tell the next colleague"), _("The next colleague will be told")
    ),
    # Whose it is
    Deed("complaint_take", CaseForm, _take, _("Take"), _("The case is yours")),
    Deed("complaint_assign", AssignForm, straight(lifecycle.assign), _("Give to somebody"), _("Handed over")),
    Deed(
        "complaint_release",
        ReasonForm,
        straight(lifecycle.release),
        _("Give back to the queue"),
        _("Back in the queue"),
    ),
    Deed("complaint_transfer", TransferForm, straight(lifecycle.transfer), _("Move to another queue"), _("Moved")),
    # What it is
    Deed("complaint_edit", EditForm, _edit, _("Correct"), _("Saved")),
    Deed("complaint_orders", OrdersForm, _orders, _("Orders"), _("Saved")),
    Deed("complaint_classify", ClassifyForm, straight(lifecycle.classify), _("Category and severity"), _("Saved")),
    Deed("complaint_prioritise", PriorityForm, straight(lifecycle.prioritise), _("Priority"), _("Saved")),
    Deed("complaint_merge", MergeForm, _merge, _("Merge into another case"), _("Merged")),
    # Its status
    Deed("complaint_acknowledge", CaseForm, straight(lifecycle.acknowledge), _("Begin"), _("Work has begun")),
    Deed(
        "complaint_wait",
        WaitForm,
        straight(lifecycle.wait_for_customer),
        _("Wait for the customer"),
        _("The clocks stand still"),
    ),
    Deed("complaint_resume", CaseForm, straight(lifecycle.resume), _("Go on"), _("The clocks run again")),
    Deed(
        "complaint_resolve",
        ResolveForm,
        straight(lifecycle.resolve),
        _("Solved"),
        _("Solved. The next colleague will be told."),
    ),
    Deed(
        "complaint_keep", CaseForm, straight(lifecycle.keep_resolved), _("Only thanks: stays solved"), _("Stays solved")
    ),
    Deed("complaint_reopen", ReasonForm, straight(lifecycle.reopen), _("Open again"), _("Open again")),
    Deed("complaint_close", CaseForm, straight(lifecycle.close), _("Close"), _("Closed")),
    Deed(
        "complaint_withdraw", ReasonForm, straight(lifecycle.withdraw), _("The customer takes it back"), _("Withdrawn")
    ),
    Deed("complaint_invalidate", ReasonForm, straight(lifecycle.invalidate), _("Not a complaint"), _("Set aside")),
    Deed("complaint_take_up", CaseForm, _take_up, _("Make it a complaint"), _("Its promises run from now")),
    # Asked of a department
    Deed("complaint_ask", AskForm, straight(handover.ask), _("Ask a department"), _("Asked")),
    Deed(
        "complaint_handover_accept",
        RowForm,
        of_row(Handover, handover.accept),
        _("I take the question"),
        _("The question is yours"),
    ),
    Deed(
        "complaint_handover_answer",
        RowTextForm,
        of_row(Handover, handover.answer, "text"),
        _("Answer the question"),
        _("Answered"),
    ),
    Deed(
        "complaint_handover_reject",
        RowTextForm,
        of_row(Handover, handover.reject, "reason"),
        _("Decline the question"),
        _("Declined"),
    ),
    Deed(
        "complaint_handover_cancel",
        RowTextForm,
        of_row(Handover, handover.cancel, "reason"),
        _("Withdraw the question"),
        _("Withdrawn"),
    ),
    # Given to the customer
    Deed("complaint_remedy", RemedyForm, _offer, _("Offer a remedy"), _("Stored")),
    Deed("complaint_remedy_approve", RowForm, of_row(Remedy, remedies.approve), _("Approve"), _("Approved")),
    Deed("complaint_remedy_reject", RowTextForm, of_row(Remedy, remedies.refuse, "reason"), _("Refuse"), _("Refused")),
    Deed(
        "complaint_remedy_issue",
        GiveForm,
        _give,
        _("Given"),
        _("On record as given"),
    ),
    Deed(
        "complaint_remedy_fail",
        RowTextForm,
        of_row(Remedy, remedies.fail, "error"),
        _("Could not be given"),
        _("It is still owed: give it another way, or take it back."),
    ),
    Deed(
        "complaint_remedy_revoke",
        RowTextForm,
        of_row(Remedy, remedies.take_back, "reason"),
        _("Take back"),
        _("Taken back"),
    ),
    Deed("complaint_mail_sent", RowForm, _of_mail(mail.sent_by_hand), _("Sent"), _("On record as sent: it counts now")),
    Deed("complaint_mail_again", RowForm, _of_mail(mail.try_again), _("Send again"), _("Queued")),
)
DEEDS = {deed.name: deed for deed in _DEEDS}
