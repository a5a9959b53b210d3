"""Two records that were made one are two again: what was whose before is written down by the merge, and given back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.db import models, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from care.models import Appointment, CustomerPlan
from complaints.models import CallerMark, Case, Remedy, ServicePrompt, SilentSign
from core.accounts import audit
from core.accounts.models import User
from core.lib import rows as stored
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks, orders
from customers.letters import consent
from customers.models import (
    Contact,
    ContactPoint,
    ContactStop,
    Customer,
    ExternalIdentity,
    Letter,
    LifeDate,
    Merge,
    Order,
    Promise,
    Refund,
    Standing,
    Todo,
)
from customers.record import duplicates, labels
from loyalty.models import (
    CampaignUsage,
    ClubMember,
    ClubVisit,
    Coupon,
    CouponRedemption,
    CreditAccount,
    Draw,
    LotteryTicket,
    Referral,
)
from loyalty.points import unmerging as points
from loyalty.tiers import membership
from loyalty.tiers import unmerging as tiers
from segmentation import alerts
from segmentation.models import Alert
from segmentation.segments import membership as segments

Rows = dict[str, Any]
# What a merge gives to the winner, row by row, and what else of such a row it may change.
MOVED: dict[type[models.Model], tuple[str, ...]] = {
    ExternalIdentity: (),
    Order: (),
    Refund: (),
    Contact: (),
    ContactPoint: ("is_preferred",),
    LifeDate: ("greet",),
    ContactStop: (),
    Alert: ("state", "closed_on"),
    Promise: (),
    Todo: ("state", "closed_at"),
    Letter: (),
    CallerMark: (),
    Case: (),
    Remedy: (),
    ServicePrompt: (),
    SilentSign: (),
    Coupon: ("status",),
    CouponRedemption: (),
    LotteryTicket: (),
    Draw: (),
    ClubMember: ("left_on",),
    ClubVisit: (),
    CreditAccount: (),
    Appointment: (),
    CustomerPlan: (),
}
# What a merge may fill in on the record that stays.
FILLED = (
    "name",
    "name_pinyin",
    "name_grams",
    "region",
    "city",
    "registered_on",
    "interests",
    "mindset",
    "preferred_channel",
    "is_reseller",
    "influencers",
    "notes",
    "custom",
    "manager_id",
    "manager_since",
    "next_contact_on",
)
# What came since and stays where it is, with the words for it.
SINCE: dict[type[models.Model], Any] = {
    Order: lambda n: _("Orders since: %(n)d") % {"n": n},
    Contact: lambda n: _("Contacts since: %(n)d") % {"n": n},
    Case: lambda n: _("Complaints since: %(n)d") % {"n": n},
    CouponRedemption: lambda n: _("Coupons used since: %(n)d") % {"n": n},
    Draw: lambda n: _("Draws since: %(n)d") % {"n": n},
}


# Written down by the merge --------------------------------------------------------------------------------------------


def before(loser: Customer, winner: Customer) -> Rows:
    """What is whose, before `loser` goes into `winner`. Call with both held; `remember` stores it."""
    theirs = {model: list(model._default_manager.filter(customer=loser)) for model in MOVED}
    own = {(point.kind, bytes(point.blind_index)): point.pk for point in winner.contact_points.all()}
    same = [
        [own[key], point.added_at]
        for point in loser.contact_points.all()
        if (key := (point.kind, bytes(point.blind_index))) in own
    ]
    referrals = Referral.objects.filter(referred__in=[loser, winner]) | Referral.objects.filter(referrer=loser)
    return {
        "rows": {_label(model): [row.pk for row in rows] for model, rows in theirs.items()},
        "touched": {_label(model): _columns(rows, MOVED[model]) for model, rows in theirs.items() if MOVED[model]},
        "same_points": same,
        "winner": {name: getattr(winner, name) for name in FILLED},
        "loser": {name: getattr(loser, name) for name in ("manager_id", "manager_since")},
        "standing": Standing.objects.filter(pk=loser.pk).values().first(),
        "merged": list(Customer.objects.filter(merged_into=loser).values_list("pk", flat=True)),
        "referrals": list(referrals.values()),
        "usage": list(CampaignUsage.objects.filter(customer=loser).values_list("campaign_id", "used", "most")),
        "labels": labels.remember(loser, winner),
        "tier": tiers.remember(loser, winner),
        "points": points.remember(loser, winner),
        "upto": {_label(model): model._default_manager.aggregate(last=Max("pk"))["last"] or 0 for model in SINCE},
    }


def remember(loser: Customer, winner: Customer, kept: Rows, *, by: User | None, at: datetime, reason: str) -> Merge:
    """The merge is on record with what was whose before, and what it has changed itself."""
    stays = Customer.objects.get(pk=winner.pk)
    kept["winner_after"] = {name: getattr(stays, name) for name in FILLED}
    kept["touched_after"] = {
        _label(model): _columns(model._default_manager.filter(pk__in=kept["rows"][_label(model)]), columns)
        for model, columns in MOVED.items()
        if columns
    }
    kept["tier"] |= tiers.remember_after(winner, kept["tier"])
    kept["points"] |= points.remember_after(winner, kept["points"])
    return Merge.objects.create(loser=loser, winner=winner, by=by, at=at, reason=reason, kept=kept)


def _label(model: type[models.Model]) -> str:
    return model._meta.label


def _columns(rows: Iterable[models.Model], columns: tuple[str, ...]) -> dict[str, list[Any]]:
    return {str(row.pk): [getattr(row, name) for name in columns] for row in rows}


# Taken apart ----------------------------------------------------------------------------------------------------------


class Outlook(NamedTuple):
    """What goes back to the old record, by a word and a number, and sentences on what stays where it is."""

    back: list[tuple[str, int]]
    stays: list[str]


def outlook(merge: Merge) -> Outlook:
    """What `undo` would do now."""
    words = (
        (Order, _("Orders")),
        (ContactPoint, _("Phones and e-mails")),
        (Contact, _("Contacts")),
        (Case, _("Complaints")),
        (Coupon, _("Coupons")),
        (ExternalIdentity, _("Numbers in other systems")),
    )
    back = [(word, len(_movable(merge, model))) for model, word in words]
    back[1] = (back[1][0], back[1][1] + len(merge.kept["same_points"]))
    stays = [
        words_for(count)
        for model, words_for in SINCE.items()
        if (count := _mine(model, merge.winner).filter(pk__gt=merge.kept["upto"][_label(model)]).count())
    ]
    points_back, points_gone = points.left_of(merge.kept["points"])
    back.append((_("Points"), points_back))
    if points_gone > 0:
        stays.append(_("Points spent or expired since: %(n)d") % {"n": points_gone})
    if changed := _changed_since(merge):
        stays.append(_("Corrected since, so it stays as it is: %(fields)s") % {"fields": ", ".join(changed)})
    return Outlook([row for row in back if row[1]], stays)


@again_after_deadlock
@transaction.atomic
def undo(merge_id: int, *, by: User, at: datetime, reason: str) -> Merge:
    """The old record is one of its own again, with what it brought as far as that is still there.

    What has come since, and points that were spent since, stay with the other record. Raises DomainError, and nothing
    has happened, when it is undone already or the record it went into was merged itself.
    """
    if not reason.strip():
        raise Invalid(_("Say why these are two people."), code="reason_missing")
    merge = Merge.objects.select_related("loser", "winner").get(pk=merge_id)
    loser, winner = _hold(merge)
    merge.refresh_from_db(fields=["undone_at"])
    if merge.undone_at is not None or loser.merged_into_id != winner.pk:
        raise DomainError(_("This is undone already."), code="undone_already")
    if winner.merged_into_id:
        raise DomainError(
            _("%(number)s was merged into another record afterwards. Take that apart first.")
            % {"number": winner.number},
            code="merged_further",
        )
    _people_back(merge, loser, winner)
    consent.unmerge(loser, winner, since=merge.at, by=by, at=at)
    for model in MOVED:
        _rows_back(merge, model)
    # A merge of before there were labels knows of none.
    labels.unmerge(loser, winner, merge.kept.get("labels", []))
    Refund.objects.filter(order__customer=loser).update(customer=loser)
    _referrals_back(merge)
    _usage_back(merge)
    orders.refresh([loser.pk, winner.pk], today=mall_day(at))
    points.unmerge(loser, winner, merge.kept["points"], by=by, at=at)
    tiers.unmerge(loser, winner, merge.kept["tier"], by=by, at=at)
    segments.unmerge(loser.pk, winner.pk, merged_at=merge.at, on=mall_day(at), at=at)
    alerts.follow_purchases([loser.pk, winner.pk], as_of=mall_day(at), at=at)
    membership.after_orders([loser.pk, winner.pk], at=at)
    merge.undone_at, merge.undone_by = at, by
    merge.save(update_fields=["undone_at", "undone_by"])
    duplicates.not_the_same(loser, winner, by=by, at=at)
    audit.record(by, "customer.unmerged", winner, at=at, loser=loser.pk, reason=reason.strip()[:200])
    return merge


def _hold(merge: Merge) -> tuple[Customer, Customer]:
    locks.hold_off_everyone()
    locks.hold_customers([merge.loser_id, merge.winner_id], against_new_rows=True)
    held = Customer.objects.in_bulk([merge.loser_id, merge.winner_id])
    return held[merge.loser_id], held[merge.winner_id]


def _mine(model: type[models.Model], customer: Customer) -> Any:
    return model._default_manager.filter(customer=customer)


def _movable(merge: Merge, model: type[models.Model]) -> list[Any]:
    """Ids of the loser's rows that the winner has now and that nothing since hangs on."""
    # A merge of before there were letters knows of none.
    rows = _mine(model, merge.winner).filter(pk__in=merge.kept["rows"].get(_label(model), []))
    if model is Coupon:
        used = CouponRedemption.objects.filter(
            pk__gt=merge.kept["upto"][_label(CouponRedemption)], coupon__isnull=False
        )
        rows = rows.exclude(pk__in=used.filter(customer=merge.winner).values("coupon"))
    if model is LotteryTicket:
        drawn = Draw.objects.filter(customer=merge.winner, pk__gt=merge.kept["upto"][_label(Draw)])
        rows = rows.exclude(pk__in=drawn.values("ticket"))
    return list(rows.values_list("pk", flat=True))


def _rows_back(merge: Merge, model: type[models.Model]) -> None:
    """They are the loser's; where the merge itself changed them and nobody since, they say what they said before."""
    ids = _movable(merge, model)
    if ids:
        model._default_manager.filter(pk__in=ids).update(customer=merge.loser)
    columns = MOVED[model]
    if not columns:
        return
    # A merge of before there were such rows knows of none.
    was = merge.kept["touched"].get(_label(model), {})
    then = merge.kept["touched_after"].get(_label(model), {})
    for row in _mine(model, merge.loser).filter(pk__in=[pk for pk in was if was[pk] != then.get(pk)]):
        now = [getattr(row, name) for name in columns]
        if now == _plain(model, columns, then.get(str(row.pk), now)):
            for name, value in zip(columns, was[str(row.pk)], strict=True):
                setattr(row, name, stored.value(model, name, value))
            row.save(update_fields=list(columns))


def _plain(model: type[models.Model], columns: tuple[str, ...], values: list[Any]) -> list[Any]:
    return [stored.value(model, name, value) for name, value in zip(columns, values, strict=True)]


def _changed_since(merge: Merge) -> list[str]:
    """Names of the fields that the merge filled in and somebody has corrected since."""
    filled = _filled(merge)
    return [
        str(cast("models.Field[Any, Any]", Customer._meta.get_field(name)).verbose_name)
        for name in filled
        if not name.startswith("name_") and getattr(merge.winner, name) != _as(name, merge.kept["winner_after"][name])
    ]


def _filled(merge: Merge) -> list[str]:
    return [name for name in FILLED if merge.kept["winner"][name] != merge.kept["winner_after"][name]]


def _as(name: str, value: Any) -> Any:
    return stored.value(Customer, name, value)


def _people_back(merge: Merge, loser: Customer, winner: Customer) -> None:
    """Both records say what they said before, save what was corrected since."""
    kept = merge.kept
    still = [name for name in _filled(merge) if getattr(winner, name) == _as(name, kept["winner_after"][name])]
    for name in still:
        setattr(winner, name, _as(name, kept["winner"][name]))
    winner.save(update_fields=[name.removesuffix("_id") for name in still])
    Standing.objects.filter(customer=winner).update(manager=winner.manager_id)
    loser.merged_into = None
    loser.manager_id, loser.manager_since = (
        kept["loser"]["manager_id"],
        _as("manager_since", kept["loser"]["manager_since"]),
    )
    loser.save(update_fields=["merged_into", "manager", "manager_since"])
    standing: Mapping[str, Any] = kept["standing"] or {"customer_id": loser.pk}
    told = {name: stored.value(Standing, name, value) for name, value in standing.items() if name != "manager_id"}
    Standing.objects.create(**told, manager_id=loser.manager_id)
    Customer.objects.filter(pk__in=kept["merged"], merged_into=winner).update(merged_into=loser)
    for point_id, _added_at in kept["same_points"]:
        _copy_point(point_id, winner, loser)


def _copy_point(point_id: int, winner: Customer, loser: Customer) -> None:
    """The loser is reached by it too, as before."""
    point = ContactPoint.objects.filter(pk=point_id, customer=winner).first()
    if point is None or loser.contact_points.filter(kind=point.kind, blind_index=bytes(point.blind_index)).exists():
        return
    point.pk, point.customer, point.is_preferred, point._state.adding = None, loser, False, True
    point.save(force_insert=True)


def _referrals_back(merge: Merge) -> None:
    """Who brought whom is as it was, unless it was told otherwise since."""
    loser, winner = merge.loser, merge.winner
    had = {row["referred_id"] for row in merge.kept["referrals"]}
    for row in merge.kept["referrals"]:
        told = {name: stored.value(Referral, name, value) for name, value in row.items()}
        if row["referred_id"] == loser.pk and winner.pk not in had:
            Referral.objects.filter(referred=winner, referrer_id=row["referrer_id"]).delete()
        if row["referrer_id"] == loser.pk:
            Referral.objects.filter(referred_id=row["referred_id"], referrer=winner).update(referrer=loser)
        if not Referral.objects.filter(referred_id=row["referred_id"]).exists():
            Referral.objects.create(**{**told, "referred_id": row["referred_id"], "referrer_id": row["referrer_id"]})


def _usage_back(merge: Merge) -> None:
    """How often each has used a campaign, counted apart again."""
    for campaign_id, used, most in merge.kept["usage"]:
        row = CampaignUsage.objects.select_for_update().filter(campaign=campaign_id, customer=merge.winner).first()
        if row is not None:
            row.used = max(0, row.used - used)
            row.save(update_fields=["used"])
        CampaignUsage.objects.get_or_create(
            campaign_id=campaign_id, customer=merge.loser, defaults={"used": used, "most": most}
        )
