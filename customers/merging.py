"""One person under two numbers: everything of one record goes to the other, and the old number leads there."""

from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers import contact_points, locks, orders
from customers.access import visible_to
from customers.identity import name_grams, pinyin
from customers.models import (
    Contact,
    ContactPoint,
    ContactStop,
    Customer,
    ExternalIdentity,
    Letter,
    LifeDate,
    Lookup,
    Order,
    PossibleDuplicate,
    Promise,
    Refund,
    Standing,
    Todo,
)

MOST_ALIKE = 10


def alike(customer: Customer, user: User, today: date) -> QuerySet[Customer]:
    """Who may be the same person, among those the user may see: the same phone or e-mail, or the same name."""
    values = contact_points.spellings(customer.contact_points.filter(retired=""))
    shared = ContactPoint.objects.filter(
        retired="", kind__in={kind for kind, _index in values}, blind_index__in=[index for _kind, index in values]
    ).values("customer")
    same = Q(pk__in=shared)
    if customer.name:
        same |= Q(name=customer.name, name_grams__contains=name_grams(customer.name))
    people = visible_to(user, today).filter(same).exclude(pk=customer.pk)
    return people.select_related("standing", "manager").order_by("pk")[:MOST_ALIKE]


def hold(loser: Customer, winner: Customer) -> tuple[Customer, Customer]:
    """Both as they are now, with nobody recording an order or writing either of them until the transaction ends.

    Raises DomainError when one of them is merged already.
    """
    if loser.pk == winner.pk:
        raise Invalid(_("A customer cannot be merged with themselves."), code="same_customer")
    locks.hold_off_everyone()
    locks.hold_customers([loser.pk, winner.pk], against_new_rows=True)
    held = Customer.objects.in_bulk([loser.pk, winner.pk])
    if any(customer.merged_into_id for customer in held.values()):
        raise DomainError(_("One of these records has been merged already. Look at it again."), code="merged_already")
    return held[loser.pk], held[winner.pk]


def move(loser: Customer, winner: Customer, *, today: date) -> None:
    """What the record itself holds is the winner's: what it did not know, how it is reached, orders, talks and work.

    Call with both held. The loser keeps its number and is on no list any more.
    """
    _complete(winner, loser)
    contact_points.bring_up_customers([loser.pk, winner.pk])
    known = ContactPoint.objects.filter(customer=winner, kind=OuterRef("kind"), blind_index=OuterRef("blind_index"))
    preferred = ContactPoint.objects.filter(customer=winner, is_preferred=True).values("kind")
    ContactPoint.objects.filter(customer=loser, kind__in=preferred).update(is_preferred=False)
    contact_points.said_again(ContactPoint.objects.filter(customer__in=[loser.pk, winner.pk]))
    ContactPoint.objects.filter(customer=loser).exclude(Exists(known)).update(customer=winner)
    PossibleDuplicate.objects.filter(Q(first=loser) | Q(second=loser)).delete()
    ContactPoint.objects.filter(customer=loser).delete()  # the winner's very same ones
    ExternalIdentity.objects.filter(customer__in=[loser.pk, winner.pk]).update(import_run=None)
    _one_birthday(winner, loser)
    if not ContactStop.objects.filter(customer=winner).exists():
        ContactStop.objects.filter(customer=loser).update(customer=winner)
    for model in (ExternalIdentity, LifeDate, Order, Refund, Contact, Promise, Todo, Letter):
        model.objects.filter(customer=loser).update(customer=winner)
    Lookup.objects.filter(customer=loser).delete()
    Standing.objects.filter(customer=loser).delete()
    Customer.objects.filter(merged_into=loser).update(merged_into=winner)
    loser.merged_into, loser.manager, loser.manager_since = winner, None, None
    loser.save(update_fields=["merged_into", "manager", "manager_since"])
    orders.refresh([loser.pk, winner.pk], today=today)


def _one_birthday(winner: Customer, loser: Customer) -> None:
    """Of two birthdays the winner's is greeted."""
    birthdays = LifeDate.objects.filter(kind=LifeDate.Kind.BIRTHDAY, of_whom="", greet=True)
    if birthdays.filter(customer=winner).exists():
        birthdays.filter(customer=loser).update(greet=False)


def _complete(winner: Customer, loser: Customer) -> None:
    """What is known stays; what is not comes from the other record."""
    if not winner.name and loser.name:
        winner.name, winner.name_pinyin, winner.name_grams = loser.name, pinyin(loser.name), name_grams(loser.name)
    for field in ("region", "city", "influencers"):
        if not getattr(winner, field):
            setattr(winner, field, getattr(loser, field))
    if winner.mindset == Customer.Mindset.UNKNOWN:
        winner.mindset = loser.mindset
    if winner.preferred_channel == Customer.Channel.UNKNOWN:
        winner.preferred_channel = loser.preferred_channel
    if winner.manager is None and loser.manager is not None:
        winner.manager, winner.manager_since = loser.manager, loser.manager_since
        Standing.objects.filter(customer=winner).update(manager=loser.manager)
    winner.registered_on = min(winner.registered_on, loser.registered_on)
    winner.interests = sorted({*winner.interests, *loser.interests})
    winner.is_reseller = winner.is_reseller or loser.is_reseller
    winner.custom = loser.custom | winner.custom
    winner.notes = "\n".join(text for text in (winner.notes, loser.notes) if text)
    contacts = [day for day in (winner.next_contact_on, loser.next_contact_on) if day]
    winner.next_contact_on = min(contacts, default=None)
    winner.save()
