"""What is said of a row that goes in, but not with everything that it says."""

from django.utils.translation import gettext_lazy as _

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
    "refund_unknown": _("Part of the money went back, but the file does not say how much."),
    "refund_day": _("The day of the refund cannot be read: the day of the order was taken."),
    "totals": _("A line of totals: left out."),
}
