"""The promises of the complaint desk as the rulebook changes them: the answers of late, held against other promises."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.models import BusinessCalendar, Clock, EscalationStep, Metric, Pause, Queue, SlaPolicy
from complaints.models.catalogue import Severity
from complaints.promises import clock
from complaints.promises.calendars import working_time
from complaints.setup import policies
from complaints.setup.policies import StepFact, TargetFact
from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers.models import Standing

WINDOW = timedelta(days=30)
MOST_CLOCKS = 2000
ENDED = (Clock.State.MET, Clock.State.MISSED)
# Of the answers of late, so many per cent fewer would have been in time: that is asked about.
MUCH_LESS = 20
# A promise within two years; a step when ten times its time is used, at the latest.
LONGEST_MINUTES, LONGEST_SHARE = 1_051_200, 1000
TERMS = ("resolution_mode", "reopen_days", "auto_close_days")
Key = tuple[int | None, int | None, str]


class PromiseKind(Kind):
    name = "promises"
    label = gettext_lazy("Promises of the complaint desk")
    edits = Permission.EDIT_COMPLAINT_SETTINGS
    confirms = Permission.EDIT_COMPLAINT_SETTINGS
    figures = {
        "clocks": gettext_lazy("Promises of the last 30 days that have ended"),
        Metric.FIRST_RESPONSE.value: gettext_lazy("First answers in time, in per cent"),
        Metric.NEXT_RESPONSE.value: gettext_lazy("Next answers in time, in per cent"),
        Metric.RESOLUTION.value: gettext_lazy("Solutions in time, in per cent"),
    }

    def checked(self, content: Content) -> Content:
        try:
            policy = {name: _python(name, content[name]) for name in TERMS}
            targets = {_key(row): (int(row[3]), int(row[4])) for row in content["targets"]}
            steps = [_step_of(row) for row in content["steps"]]
            reasons = sorted({Pause.Reason(reason).value for reason in content["pause_reasons"]})
            if content.keys() - {*TERMS, "targets", "steps", "pause_reasons"}:
                raise ValueError(sorted(content))
            if len({(metric, percent) for metric, percent, *_rest in steps}) < len(steps):
                raise ValueError(steps)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, ValidationError):
            raise Invalid(_("These are no promises."), code="promises") from None
        if len(targets) < len(content["targets"]) or any(
            not 0 < minutes <= LONGEST_MINUTES for minutes, _calendar in targets.values()
        ):
            raise Invalid(_("Every promise needs its kind and more than no minutes."), code="target_minutes")
        if {calendar for _minutes, calendar in targets.values()} - set(_ids(BusinessCalendar)):
            raise Invalid(_("These working hours do not exist any more."), code="calendar")
        if {step[4] for step in steps} - {None, *_ids(Queue)}:
            raise Invalid(_("This queue does not exist any more."), code="queue")
        policies.refuse_incomplete({key: minutes for key, (minutes, _calendar) in targets.items()})
        rows = [[*key, *value] for key, value in targets.items()]
        return {
            **policy,
            "pause_reasons": reasons,
            "targets": sorted(rows, key=_written),
            "steps": sorted(steps, key=_written),
        }

    def versions(self, limit: int) -> list[Version]:
        rows = SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED).select_related("by")
        rows = rows.prefetch_related("targets", "steps").order_by("-effective")
        return [Version(row.version, content_of(row), row.effective.lower, row.reason, row.by) for row in rows[:limit]]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """Each clock that ended lately, with its own start, its own pauses and its own end, under both promises."""
        now = next((row for row in self.versions(2) if row.starts_at is None or row.starts_at <= at), None)
        ended, before, after = Counter[str](), Counter[str](), Counter[str]()
        old = _Book(now.content) if now else None
        new = _Book(content)
        for row in _lately(at):
            ended[row.metric] += 1
            before[row.metric] += old is not None and old.keeps(row)
            after[row.metric] += new.keeps(row)
        figures: dict[str, tuple[Number, Number]] = {"clocks": (ended.total(), ended.total())}
        for metric, count in sorted(ended.items()):
            figures[metric] = _percent(before[metric], count), _percent(after[metric], count)
        return Foretold(figures)

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """The draft, where it says just this, or a version of its own beside the draft."""
        draft = SlaPolicy.objects.filter(status=SlaPolicy.Status.DRAFT).order_by("-version").first()
        if draft is None or content_of(draft) != change.content:
            top = SlaPolicy.objects.aggregate(top=Max("version"))["top"] or 0
            draft = SlaPolicy.objects.create(version=top + 1, by=change.by, at=at)
            _write(draft, change.content, by=change.by, at=at)
        return policies.publish(draft.pk, by=change.by, reason=change.reason, at=at, starts_at=starts_at).version

    def take_back(self, version: int, *, at: datetime) -> None:
        policies.withdraw(version)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """Of the promises given by this version, and ended: how many were kept."""
        rows = Clock.objects.filter(case__policy__version=version, state__in=ENDED, stopped_at__lte=at)
        counts = Counter(rows.values_list("metric", "state"))
        came: dict[str, Number] = {}
        for metric in Metric.values:
            kept, missed = counts[metric, Clock.State.MET], counts[metric, Clock.State.MISSED]
            if kept + missed:
                came[metric] = _percent(kept, kept + missed)
        return came or None

    def differences(self, before: Content | None, after: Content) -> list[str]:
        if before is None:
            return [_("These are the first rules.")]
        old = {_key(row): (row[3], row[4]) for row in before["targets"]}
        new = {_key(row): (row[3], row[4]) for row in after["targets"]}
        names = dict(BusinessCalendar.objects.values_list("pk", "name"))
        sentences = [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {"option": _who(key), "before": _span(old.get(key), names), "after": _span(new.get(key), names)}
            for key in sorted(old.keys() | new.keys(), key=str)
            if old.get(key) != new.get(key)
        ]
        sentences += [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {
                "option": _term(name),
                "before": _term_value(name, before[name]),
                "after": _term_value(name, after[name]),
            }
            for name in TERMS
            if before[name] != after[name]
        ]
        if before["steps"] != after["steps"]:
            sentences.append(_("Other steps are taken as time runs out."))
        if before["pause_reasons"] != after["pause_reasons"]:
            sentences.append(_("Other reasons stop the clock."))
        return sentences

    def says(self, content: Content) -> list[tuple[str, str]]:
        calendars = dict(BusinessCalendar.objects.values_list("pk", "name"))
        queues = dict(Queue.objects.values_list("pk", "name"))
        lines = [(_who(_key(row)), _span((row[3], row[4]), calendars)) for row in content["targets"]]
        lines += [_step(row, queues) for row in sorted(content["steps"], key=lambda row: (row[0], row[1]))]
        reasons = dict(Pause.Reason.choices)
        words = [str(reasons.get(reason, reason)) for reason in content["pause_reasons"]]
        lines.append((_("The clock stops for"), ", ".join(words) or "–"))
        return [*lines, *((_term(name), _term_value(name, content[name])) for name in TERMS)]

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        return [
            _("%(promise)s: %(after)s instead of %(before)s of those of late.")
            % {"promise": self.figures[name], "after": after, "before": before}
            for name, (before, after) in figures.items()
            if name in Metric.values and before - after >= MUCH_LESS
        ]

    def stays(self, version: int) -> list[str]:
        """Each case keeps the promise it was given."""
        running = Clock.objects.filter(case__policy__version=version).exclude(state__in=ENDED)
        count = running.values("case").distinct().count()
        return [_("Open cases that keep the promises of this version: %(count)d.") % {"count": count}]


RULES = PromiseKind()


def content_of(policy: SlaPolicy) -> Content:
    """What a version says, as JSON, in one form of writing."""
    targets = [[t.customer_class, t.severity, t.metric, t.minutes, t.calendar_id] for t in policy.targets.all()]
    steps = [[s.metric, s.at_percent, sorted(s.notify), s.raise_priority, s.move_to_id] for s in policy.steps.all()]
    return {
        **{name: getattr(policy, name) for name in TERMS},
        "pause_reasons": sorted(policy.pause_reasons),
        "targets": sorted(targets, key=_written),
        "steps": sorted(steps, key=_written),
    }


def _written(row: list[Any]) -> list[str]:
    return [str(part) for part in row]


def _write(draft: SlaPolicy, content: Content, *, by: User, at: datetime) -> None:
    draft.pause_reasons = content["pause_reasons"]
    draft.save(update_fields=["pause_reasons"])
    policies.set_targets(draft.pk, [TargetFact(*row) for row in content["targets"]], by=by, at=at)
    steps = [StepFact(metric, percent, tuple(told), up, to) for metric, percent, told, up, to in content["steps"]]
    policies.set_steps(draft.pk, steps, by=by, at=at)
    policies.set_terms(draft.pk, **{name: content[name] for name in TERMS}, by=by, at=at)


class _Book:
    """What a version promises, with its calendars read once."""

    def __init__(self, content: Content) -> None:
        self.targets = {_key(row): (row[3], row[4]) for row in content["targets"]}
        wanted = {calendar for _minutes, calendar in self.targets.values()}
        self.hours = {row.pk: working_time(row) for row in BusinessCalendar.objects.filter(pk__in=wanted)}

    def keeps(self, row: Clock) -> bool:
        """Whether this clock would have ended in time; the closest line wins, as it does for the clock itself."""
        mine, severity = row.case.served_as, row.case.severity
        lines = ((mine, severity), (mine, None), (None, severity), (None, None))
        minutes, calendar = next(self.targets[key] for line in lines if (key := (*line, row.metric)) in self.targets)
        pauses = [(pause.period.lower, pause.period.upper) for pause in row.pauses.all()]
        due = clock.due_at(self.hours[calendar], row.started_at, timedelta(minutes=minutes), pauses)
        return due is not None and row.stopped_at is not None and row.stopped_at <= due


def _lately(at: datetime) -> list[Clock]:
    rows = Clock.objects.filter(state__in=ENDED, stopped_at__gt=at - WINDOW, stopped_at__lte=at)
    return list(rows.select_related("case").prefetch_related("pauses").order_by("-stopped_at", "-pk")[:MOST_CLOCKS])


def _ids(model: type[BusinessCalendar] | type[Queue]) -> list[int]:
    return list(model._default_manager.values_list("pk", flat=True))


def _key(row: Any) -> Key:
    customer_class = None if row[0] is None else Standing.Class(int(row[0])).value
    severity = None if row[1] is None else Severity(int(row[1])).value
    return (customer_class, severity, Metric(row[2]).value)


def _step_of(row: Any) -> list[Any]:
    metric, percent, told, raised, queue = row
    if not 0 < int(percent) <= LONGEST_SHARE:
        raise ValueError(percent)
    who = sorted({EscalationStep.Notify(role).value for role in told})
    return [Metric(metric).value, int(percent), who, bool(raised), None if queue is None else int(queue)]


def _python(name: str, value: Any) -> Any:
    return SlaPolicy._meta.get_field(name).clean(value, None)  # type: ignore[union-attr]


def _percent(part: int, of: int) -> int:
    return round(part * 100 / of)


def _who(key: Key) -> str:
    customer_class, severity, metric = key
    parts = (
        Standing.Class(customer_class).label if customer_class is not None else _("Everybody else"),
        Severity(severity).label if severity is not None else _("Any other"),
        Metric(metric).label,
    )
    return " · ".join(str(part) for part in parts)


def _term(name: str) -> str:
    return str(capfirst(str(SlaPolicy._meta.get_field(name).verbose_name)))  # type: ignore[union-attr]


def _term_value(name: str, value: Any) -> str:
    field: Any = SlaPolicy._meta.get_field(name)
    return str(dict(field.flatchoices).get(value, value)) if field.flatchoices else str(value)


def _step(row: list[Any], queues: Mapping[int, str]) -> tuple[str, str]:
    metric, percent, told, raised, queue = row
    who = dict(EscalationStep.Notify.choices)
    words = [str(who.get(role, role)) for role in told]
    if raised:
        words.append(_("raise priority"))
    if queue is not None:
        words.append(f"→ {queues.get(queue, '?')}")
    return (
        _("%(promise)s, when %(percent)d %% of the time is used")
        % {"promise": Metric(metric).label, "percent": percent},
        " · ".join(words) or "–",
    )


def _span(line: tuple[int, int] | None, names: Mapping[int, str]) -> str:
    if line is None:
        return "–"
    minutes, calendar = line
    return f"{minutes // 60}:{minutes % 60:02} ({names.get(calendar, '?')})"
