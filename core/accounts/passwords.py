"""What a password must be, said in the language of the page: Django's catalogues lack these sentences in Chinese."""

import re
from typing import Any

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.lib import mall

PRODUCT = "laoke"


class LongEnough(password_validation.MinimumLengthValidator):
    """Refuses a password of fewer than `min_length` characters."""

    def get_error_message(self) -> str:
        return _("This password is too short: it needs at least %(count)d characters.") % {"count": self.min_length}

    def get_help_text(self) -> str:
        return _("At least %(count)d characters.") % {"count": self.min_length}


class NotCommon(password_validation.CommonPasswordValidator):
    """Refuses what stands in the list of twenty thousand passwords that are tried first."""

    def get_error_message(self) -> str:
        return _("Many people use this password, so it is tried first. Choose another.")

    def get_help_text(self) -> str:
        return _("Not one that many people use.")


class NotAboutThem(password_validation.UserAttributeSimilarityValidator):
    """Refuses what can be guessed from the user's name or address, or is too short without them, the mall's and ours."""

    def __init__(self, *, min_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.min_length = min_length

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(password, user)
        rest = password.casefold()
        for name in sorted(_names(user), key=len, reverse=True):
            rest = rest.replace(name, "")
        if len(rest) < self.min_length <= len(password):
            raise ValidationError(
                _("Without your name and ours in it this password is too short. Choose another."),
                code="password_made_of_names",
            )

    def get_error_message(self) -> str:
        return _("This password is too much like your name, user name or e-mail. Choose another.")

    def get_help_text(self) -> str:
        return _("Not like your name, user name or e-mail.")


def _names(user: Any) -> set[str]:
    """Those of the person, of the mall and of the product, in parts that are long enough to be one."""
    told = [getattr(user, field, "") for field in ("username", "full_name", "email")]
    parts = re.split(r"[\W_]+", " ".join([*told, mall.facts().name, PRODUCT]).casefold())
    return {part for part in parts if len(part) > 2 or (part and not part.isascii())}
