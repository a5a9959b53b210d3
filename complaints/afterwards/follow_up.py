"""Was the customer content? A bad answer goes to the head of the desk, not back to the same agent."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from complaints.cases import lifecycle, notices, surveys, transitions
from complaints.models import Case, CaseEvent, Survey
from core.lib.errors import DomainError, Invalid

BAD = 2
CHANGE_WITHIN = timedelta(hours=24)
State = Survey.State


def survey_for(secret: str, *, at: datetime) -> Survey:
    """The survey behind a link. Raises DomainError, in the same words, when there is none or it has run out."""
    survey = Survey.objects.select_related("case__customer").filter(digest=surveys.digest(secret)).first()
    if survey is None or survey.expires_at is None or survey.expires_at <= at:
        raise DomainError(_("This link is no longer valid. Thank you all the same."), code="survey_gone")
    return survey


@transaction.atomic
def record_answer(secret: str, *, score: int, solved: bool, comment: str = "", at: datetime) -> Survey:
    """The customer's answer is on record, and may be corrected for a day. A bad one opens the case again for the head."""
    shown = survey_for(secret, at=at)
    case = transitions.hold(shown.case_id)
    survey = Survey.objects.select_for_update().get(pk=shown.pk)
    if survey.state == State.ANSWERED and survey.answered_at and at - survey.answered_at > CHANGE_WITHIN:
        raise DomainError(_("You have answered already. Thank you."), code="survey_answered")
    if survey.state not in (State.SENT, State.ANSWERED):
        raise DomainError(_("This link is no longer valid. Thank you all the same."), code="survey_gone")
    if not 1 <= score <= 5:
        raise Invalid(_("Choose from one to five."), code="survey_score")
    first = survey.state == State.SENT
    survey.state, survey.score, survey.solved, survey.comment = State.ANSWERED, score, solved, comment.strip()[:2000]
    survey.answered_at = survey.answered_at or at
    survey.save()
    if first:
        transitions.record(
            case,
            CaseEvent.Kind.ANSWERED,
            by=None,
            at=at,
            actor=CaseEvent.Actor.CUSTOMER,
            touched=["survey"],
            score=score,
            solved=solved,
        )
    if is_bad(survey):
        _to_the_head(case, survey, at=at)
    return survey


def is_bad(survey: Survey) -> bool:
    return survey.score is not None and (survey.score <= BAD or survey.solved is False)


def _to_the_head(case: Case, survey: Survey, *, at: datetime) -> None:
    head = case.queue.department.head
    notices.tell(
        [head.pk if head else None, case.customer.manager_id if case.customer else None],
        notices.UNHAPPY,
        case,
        key=f"unhappy:{survey.pk}",
        at=at,
        score=survey.score or 0,
    )
    if case.status not in (Case.Status.RESOLVED, Case.Status.CLOSED) or case.cycle != survey.cycle:
        return  # somebody works on it again already
    try:
        lifecycle.reopen(case.pk, by=None, at=at, reason=_("The customer is not content."), owner=head)
    except DomainError as refusal:
        if refusal.code != "too_late":
            raise  # closed too long ago: the head knows, and calls
