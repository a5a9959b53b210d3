"""What each scope of a token lets do, and what its state is called."""

from django.utils.translation import gettext_lazy as _

from core.accounts.roles import ApiScope
from core.accounts.tokens import State

SCOPES = {
    ApiScope.ORDERS_WRITE: _("Tell orders, change and cancel them"),
    ApiScope.ORDERS_READ: _("Read orders back"),
    ApiScope.CUSTOMERS_READ: _("Recognise customers; read who they are and their level"),
    ApiScope.CUSTOMERS_WRITE: _("Create and correct customers"),
    ApiScope.COMPLAINTS_READ: _("Read complaints and what must be known next time"),
    ApiScope.COMPLAINTS_WRITE: _("Log complaints, hand on messages, take survey links"),
    ApiScope.POINTS_READ: _("Read points and rewards"),
    ApiScope.POINTS_WRITE: _("Set points aside, redeem them, ask for points by hand"),
    ApiScope.COUPONS_READ: _("Read coupons and try them on a basket"),
    ApiScope.COUPONS_WRITE: _("Reserve, redeem and give back coupons"),
    ApiScope.DRAWS_READ: _("Read draws, prizes and odds"),
    ApiScope.DRAWS_WRITE: _("Use and buy tickets, claim prizes"),
    ApiScope.TIERS_READ: _("Read the rules of the levels"),
    ApiScope.TIERS_WRITE: _("Draft and publish rules of the levels"),
    ApiScope.RULES_READ: _("Read the rules of every kind, and what changes of them would do"),
    ApiScope.RULES_WRITE: _("Propose, confirm, withdraw and roll back changes of rules"),
    ApiScope.CREDIT_READ: _("Read credit accounts"),
    ApiScope.CREDIT_WRITE: _("Reserve, charge and pay on credit accounts"),
    ApiScope.WORK_READ: _("Read what was promised to customers"),
    ApiScope.WORK_WRITE: _(
        "Promise something, keep, move and release promises; set contact plans, agree on appointments"
    ),
    ApiScope.SEGMENTS_READ: _("Read segments and who is in them"),
    ApiScope.LETTERS_WRITE: _("Say what became of letters"),
    ApiScope.CONSENTS_READ: _("Read what customers agreed to"),
    ApiScope.CONSENTS_WRITE: _("Put down what customers agree to, and what they answer"),
}
# State -> (tone, icon, word)
STATES = {
    State.GOOD: ("green", "check", _("In use")),
    State.REPLACED: ("amber", "hourglass", _("Replaced, still works")),
    State.ENDED: ("grey", "clock", _("Ended")),
    State.REVOKED: ("grey", "ban", _("Revoked")),
    State.CLOSED: ("grey", "user", _("Account closed")),
}
