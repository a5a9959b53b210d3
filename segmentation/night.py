"""One night of scores: compute, compare with last night, write what changed. The what-if stops before writing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import QuerySet

from segmentation import alerts, fitting, frames, rules, scoring
from segmentation.maths.arrays import Flags
from segmentation.models import Alert, Fit, Night, RuleSet
from segmentation.shop import feeds, notes


@dataclass(frozen=True)
class Outcome:
    """A night that has been worked out but not written."""

    as_of: date
    state: frames.State
    scores: scoring.Scores
    quiet: Flags
    long_absent: Flags
    parameters: fitting.Parameters
    feeds: list[feeds.Feed]


def _nights_before(as_of: date) -> QuerySet[Night]:
    """Earlier nights that found anybody: one of an empty house says nothing, and the night after it is the first."""
    return Night.objects.filter(as_of__lt=as_of, figures__total_value__gt=0)


def _last_before(as_of: date) -> Night | None:
    return _nights_before(as_of).order_by("-as_of").first()


def work_out(
    as_of: date, fit: Fit, constants: Mapping[str, float], *, over: bool = False, restores: RuleSet | None = None
) -> Outcome:
    """What the night of `as_of` says under these constants; nothing is written.

    `over`: all of the day `as_of` lies behind, so that it can be said whether its orders are there. `restores`:
    everybody is judged as if these rules had never been, from the class, the type and the bars before them.
    """
    parameters = fitting.Parameters.from_json(fit.parameters)
    silent = feeds.with_silent_days(as_of, over=over)
    state = frames.seen_through(frames.state(), silent, as_of=as_of)
    judged, last = state, _last_before(as_of)
    days = (as_of - last.as_of).days if last else 1
    first = Night.objects.filter(rules=restores, as_of__lt=as_of).order_by("as_of").first() if restores else None
    if first is not None:
        judged, last, days = frames.before(state, first.as_of), _last_before(first.as_of), 1
    bars = scoring.Bars(**last.figures["bars"]) if last else None
    scores = scoring.score(judged, parameters, constants, as_of=as_of, bars_before=bars, days=days)
    quiet = scoring.quiet(state, scores, constants)
    absent = scoring.long_absent(state, scores, constants) & ~quiet
    return Outcome(as_of, state, scores, quiet, absent, parameters, silent)


def restored_by(rule_set: RuleSet, as_of: date) -> RuleSet | None:
    """The version whose moves the night of `as_of` takes back: on the first night of a roll back, and no other."""
    if rule_set.rolls_back is None or Night.objects.filter(rules=rule_set, as_of__lt=as_of).exists():
        return None
    return rule_set.rolls_back


def write(outcome: Outcome, fit: Fit, rule_set: RuleSet, *, at: datetime) -> dict[str, int]:
    """Write standings, changes, alerts and the figures of the night; returns what was counted.

    Call within one transaction. Writing the same outcome twice changes nothing.
    """
    state, scores, as_of = outcome.state, outcome.scores, outcome.as_of
    first = not _nights_before(as_of).exists()
    constants = {**rules.DEFAULTS, **rule_set.parameters}
    rows = scoring.changed(state, scores, constants)
    _write_standings(outcome, rows)
    gone = frames.forget_customers_without_purchase(state, as_of=as_of)
    counts = {
        "customers": len(state),
        "rows_written": int(rows.sum()),
        "class_changes": int((scores.customer_class != state.class_before).sum()) + gone,
        "type_changes": int((scores.matrix_type != state.type_before).sum()),
        **_write_alerts(outcome, constants, at=at, silent=first),
        "big": int((scores.customer_class == 2).sum()),
        "active": int((scores.customer_class == 1).sum()),
        "random": int((scores.customer_class == 0).sum()),
    }
    Night.objects.update_or_create(
        as_of=as_of,
        defaults={
            "rules": rule_set,
            "fit": fit,
            "value_bar": scores.bars.value,
            "potential_bar": scores.bars.potential,
            "figures": {
                "bars": asdict(scores.bars),
                "total_value": int(np.maximum(scores.value, 0).sum()),
                "feeds": feeds.to_json(outcome.feeds),
                "alerts_opened": counts["alerts_opened"] + _opened_before(as_of),
                "classes": {name: counts[name] for name in ("big", "active", "random")},
                "notes": _notes(outcome, fit, constants, 0 if first else counts["alerts_opened"]),
            },
        },
    )
    return counts


def _opened_before(as_of: date) -> int:
    """What this very night has opened already, when it is run again."""
    ran = Night.objects.filter(as_of=as_of).first()
    return int(ran.figures.get("alerts_opened", 0)) if ran else 0


def _notes(outcome: Outcome, fit: Fit, constants: Mapping[str, float], opened: int) -> list[notes.Note]:
    """What is unusual about the shop this night."""
    found = notes.of_values(outcome.scores.value, one_dominates=outcome.scores.bars.one_dominates)
    season = fit.diagnostics.get("season")
    found += [season] if season else []
    found += [*notes.of_returns(outcome.as_of), *notes.of_alerts(outcome.as_of, opened)]
    precision = outcome.parameters.precision
    if precision is not None and outcome.parameters.misses_floor(constants):
        found.append(notes.floor(constants["precision_floor"], precision))
    return found


def _write_standings(outcome: Outcome, rows: Flags) -> None:
    state, scores = outcome.state, outcome.scores
    frames.write_standings(
        frames.StandingRows(
            customer_id=state.customer_id[rows],
            customer_class=scores.customer_class[rows],
            matrix_type=scores.matrix_type[rows],
            value=scores.value[rows],
            value_low=scores.value_low[rows],
            value_high=scores.value_high[rows],
            potential=scores.potential[rows],
            usual_days=scores.usual_days[rows],
            limit_days=scores.limit_days[rows],
            last_day=state.last_day[rows],
            inputs=state.inputs[rows],
        ),
        as_of=outcome.as_of,
    )


def _write_alerts(outcome: Outcome, constants: Mapping[str, float], *, at: datetime, silent: bool) -> dict[str, int]:
    """What has ended is ended, then what is new is opened; returns how many of each."""
    as_of = outcome.as_of
    moved = frames.customers_whose_open_alert_is_outdated(outcome.state)
    recovered = alerts.close_by_purchase(as_of=as_of, at=at, customer_ids=moved)
    withdrawn = alerts.withdraw_unfounded(at=at, customer_ids=moved)
    # Whether somebody has answered cannot be known while their source is silent.
    ended = 0 if feeds.says_too_little(outcome.feeds, as_of) else alerts.end_windows(as_of=as_of, at=at)
    alerts.follow_returns(None)
    alerts.fill_losses()
    stopped = alerts.end_stopped(on=as_of, at=at)
    opened = alerts.open_due(_due(outcome, constants), as_of=as_of, at=at, silent=silent)
    return {
        "alerts_opened": opened,
        "alerts_recovered": recovered,
        "alerts_withdrawn": withdrawn,
        "alerts_ended": ended,
        "alerts_stopped": stopped,
    }


def _due(outcome: Outcome, constants: Mapping[str, float]) -> list[alerts.Due]:
    """The alerts of the night that were never raised before."""
    state = outcome.state
    flagged = np.flatnonzero(outcome.quiet | outcome.long_absent)
    known = alerts.raised_before(state.customer_id[flagged].tolist())
    before = scoring.value_before_silence(state.rows(flagged), outcome.parameters, constants)
    worth = dict(zip(flagged.tolist(), before.tolist(), strict=True))
    return [
        _alert_due(outcome, row, kind, worth[row], constants)
        for kind, mask in ((Alert.Kind.QUIET, outcome.quiet), (Alert.Kind.LONG_ABSENCE, outcome.long_absent))
        for row in flagged[mask[flagged]].tolist()
        if (int(state.customer_id[row]), kind.value, frames.from_day_number(state.last_day[row])) not in known
    ]


def _alert_due(outcome: Outcome, row: int, kind: str, value_before: int, constants: Mapping[str, float]) -> alerts.Due:
    """The alert of one customer with the evidence its sentence is made of.

    At stake is the value of before the silence: tonight's is written down already for the risk it is multiplied with.
    """
    state, scores = outcome.state, outcome.scores
    counted = int(scores.counted_days[row])
    start = float(scores.limit_days[row]) if kind == Alert.Kind.QUIET else counted
    no_purchase = float(scores.no_purchase[row])
    evidence: alerts.Evidence = {
        # Not rounded: whoever reads them rounds once.
        "usual_days": float(scores.usual_days[row]),
        "limit_days": float(scores.limit_days[row]),
        "known": int(state.gap_count[row]),
        "quiet_days": frames.day_number(outcome.as_of) - int(state.last_day[row]),
        "tail_level": round(float(scores.tail_level[row]), 4),
        "returning": round(float(outcome.parameters.returns(state.gap_count[row : row + 1])[0]), 4),
        "no_purchase": round(no_purchase, 4),
        "horizon_days": round(float(scores.horizon_days[row])),
        "monthly_profit": round(float(scores.daily_profit[row]) * 30.44),
        "value": int(scores.value[row]),
    }
    if kind == Alert.Kind.LONG_ABSENCE:
        evidence["flat_days"] = int(constants["long_absence_days"])
    return alerts.Due(
        customer_id=int(state.customer_id[row]),
        kind=kind,
        last_on=frames.from_day_number(state.last_day[row]),
        window_ends_on=outcome.as_of + timedelta(days=int(start) - counted + int(constants["alert_window_days"])),
        severity=round(no_purchase * max(0.0, float(scores.daily_profit[row])) * 30.44),
        value_before=value_before,
        evidence=evidence,
        # Tonight may have taken down already who was quiet for long.
        served_as=max(int(state.class_before[row]), int(scores.customer_class[row])),
    )
