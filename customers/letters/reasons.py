"""The reasons of the gate and of the transports, in words."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.letters.gate import Reason
from customers.models.consent import Channel

REASONS: dict[str, Promise] = {
    Reason.STOPPED: gettext_lazy("sending is stopped"),
    Reason.EXPIRED: gettext_lazy("too late to be worth sending"),
    Reason.MERGED: gettext_lazy("the record was merged"),
    Reason.RESTRICTED: gettext_lazy("the customer's data rests"),
    Reason.ERASED: gettext_lazy("the customer was erased"),
    Reason.DECEASED: gettext_lazy("the customer has died"),
    Reason.NOT_REACHED: gettext_lazy("the customer is not to be reached"),
    Reason.NO_ADDRESS: gettext_lazy("no address"),
    Reason.BAD_ADDRESS: gettext_lazy("the address sent letters back"),
    Reason.WRONG_PERSON: gettext_lazy("the address is somebody else's"),
    Reason.NO_CONSENT: gettext_lazy("the customer has not agreed"),
    Reason.WITHDRAWN: gettext_lazy("the customer does not want it"),
    Reason.UNDER_14: gettext_lazy("under 14 years old"),
    Reason.NO_PROFILING: gettext_lazy("chosen by what they bought, which they do not want"),
    Reason.OPEN_COMPLAINT: gettext_lazy("a complaint is open"),
    Reason.CAPPED: gettext_lazy("enough letters for now"),
    Reason.QUIET_HOURS: gettext_lazy("not at this hour"),
    Reason.NO_TEXT: gettext_lazy("its words are gone"),
    Reason.NO_WAY_OUT: gettext_lazy("no address by which to end such letters is set up"),
    "died": gettext_lazy("the sender broke off"),
    "late": gettext_lazy("asked again"),
    "no_receipt": gettext_lazy("nobody has said that it arrived"),
    "removed": gettext_lazy("its words were removed"),
}


def words(code: str, channel: str = Channel.EMAIL) -> str:
    """The reason as a phrase; of what a mail server, the gateway or the shop said, its code."""
    if code.startswith("smtp_"):
        return _("the mail server refused the address (%(code)s)") % {"code": code[5:]}
    if code in REASONS:
        return str(REASONS[code])
    if not code:
        return ""
    if channel == Channel.EMAIL:
        return _("the mail server did not take it (%(error)s)") % {"error": code}
    if channel == Channel.SHOP:
        return _("the shop's chat says: %(error)s") % {"error": code}
    return _("the gateway says: %(error)s") % {"error": code}
