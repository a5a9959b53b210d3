"""The audit trail: what people did stays as it was written."""

from collections.abc import Callable

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError

from core.accounts import audit
from core.accounts.models import AuditEntry
from tests.conftest import NOW, MakeUser

pytestmark = pytest.mark.django_db


def _empty() -> None:
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_auditentry")


@pytest.mark.parametrize(
    "tamper",
    [
        lambda: AuditEntry.objects.update(action="nothing happened"),
        lambda: AuditEntry.objects.all().delete(),
        _empty,
    ],
    ids=["change", "delete", "empty"],
)
def test_a_line_is_neither_changed_nor_deleted(make_user: MakeUser, tamper: Callable[[], object]) -> None:
    audit.record(make_user(name="Wang Fang"), "contact_point.revealed", at=NOW)

    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        tamper()

    assert AuditEntry.objects.get().action == "contact_point.revealed"
