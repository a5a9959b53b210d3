"""Whether a mail that is sent reaches anybody, and under which domain."""

from django.conf import settings

LOSES_MAIL = {"console", "dummy", "filebased", "locmem"}


def loses_mail() -> bool:
    """No mail server is set up: what is sent ends in a log or a file."""
    return settings.EMAIL_BACKEND.split(".")[-2] in LOSES_MAIL


def own_domain() -> str:
    """Where our own addresses and Message-IDs belong."""
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip("> ")
