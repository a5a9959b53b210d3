"""What a password must be, said in the language of the page: Django's catalogues lack these sentences in Chinese."""

from django.contrib.auth import password_validation
from django.utils.translation import gettext as _


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
    """Refuses what can be guessed from the user's name or address."""

    def get_error_message(self) -> str:
        return _("This password is too much like your name, user name or e-mail. Choose another.")

    def get_help_text(self) -> str:
        return _("Not like your name, user name or e-mail.")
