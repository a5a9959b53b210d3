"""What is said of a row that goes in, but not with everything that it says."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from customers.imports.reading.shape import LeftOut
from customers.imports.row import Note

TEXTS = {
    "phone_invalid": _("The phone number cannot be used and was left out."),
    "phone_damaged": _("The phone number was damaged by a spreadsheet and was left out."),
    "phone_masked": _("The phone number is masked or borrowed from the platform and was left out."),
    "phone_several": _("Several phone numbers: the first one was taken."),
    "email_invalid": _("The e-mail address cannot be used and was left out."),
    "customer_masked": _("The customer id is masked: it recognises nobody and was left out."),
    "cut": _("The text is too long and was cut."),
    "rounded": _("More than two decimals: rounded half up."),
    "quantity": _("The quantity is no whole number: it was rounded."),
    "quantity_unknown": _("The quantity cannot be read: one piece was assumed."),
    "cost_unknown": _("The cost cannot be read and was left out."),
    "modified_unknown": _("The time of the last change cannot be read: the row counts as one without."),
    "refund_unknown": _("Part of the money went back, but the file does not say how much."),
    "refund_day": _("The day of the refund cannot be read: the day of the order was taken."),
    "refund_open": _("The money has not gone back yet: not counted."),
    "refund_closed": _("This refund was refused or called off: not counted."),
    "refund_nothing": _("A refund of nothing: left out."),
    "refund_cancelled": _("The order is cancelled, so its money is not counted anyway."),
    "address_invalid": _("The address cannot be used and was left out."),
    "name_masked": _("The name is masked and was left out."),
    "day_of_number": _("The row says no time: the day in its order number was taken."),
    "masked": _("The text is masked and was left out."),
    "yes_no_unknown": _("This says neither yes nor no and was left out."),
    "registered_unknown": _("The day of registration cannot be read and was left out."),
    "registered_later": _("The day of registration is later than the first order and was left out."),
    "birthday_unknown": _("The birthday cannot be read and was left out."),
    "too_much": _("The text is too long, or there are too many of it, and was left out."),
    "custom_unknown": _("This is no answer of the mall’s own field and was left out."),
    "manager_unknown": _("Nobody of this name looks after customers: the manager was left out."),
    "manager_other_team": _("This manager belongs to another team and was left out."),
    "manager_full": _("The book of this manager is over its agreed most."),
    "amount_unknown": _("The amount cannot be read and was left out."),
    "picture_not_https": _("The address of the picture does not begin with https:// and was left out."),
    "by_hand": _("Somebody has written this here: it stays."),
    "totals": _("A line of totals: left out."),
    "remark": _("A remark and no row: left out."),
    "header_again": _("The header once more: left out."),
}
# Why a line is no row, as reading says it -> the code of its note.
_NO_ROWS = {"totals": _("totals"), "remark": _("a remark"), "header_again": _("the header once more")}


def of_lines(left_out: Iterable[LeftOut]) -> list[Note]:
    """A note of each line that was meant to be no row, in the language in which they were read."""
    codes = {str(reason): code for code, reason in _NO_ROWS.items()}
    return [Note(line.line_number, "", codes.get(line.reason, "remark")) for line in left_out]
