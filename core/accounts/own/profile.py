"""What people change of their own account: name, language, password."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid


@transaction.atomic
def edit(user: User, *, full_name: str, language: str, at: datetime) -> User:
    """The person is shown under this name, and Laoke speaks this language to them from the next sign-in on.

    An empty language leaves it to the browser. Raises Invalid without a name.
    """
    if not full_name.strip():
        raise Invalid(_("Write the name by which colleagues know you."), code="name_missing")
    changed = [
        name
        for name, value in (("full_name", full_name.strip()), ("language", language))
        if value != getattr(user, name)
    ]
    user.full_name, user.language = full_name.strip(), language
    user.save(update_fields=["full_name", "language"])
    if changed:
        audit.record(user, "profile.edited", user, at=at, fields=changed)
    return user


@transaction.atomic
def change_password(user_id: int, *, old: str, new: str, at: datetime) -> User:
    """From now on the new password is the one. Raises Invalid for a wrong old one and for a new one that is too weak."""
    locked = User.objects.select_for_update().get(pk=user_id)
    if not locked.check_password(old):
        raise Invalid(_("This is not your password."), code="password_wrong")
    try:
        validate_password(new, locked)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="password_weak") from error
    locked.set_password(new)
    locked.save(update_fields=["password"])
    audit.record(locked, "password.changed", locked, at=at)
    return locked
