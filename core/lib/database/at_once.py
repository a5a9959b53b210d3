"""What makes a new database quick: tables made as they end, and what Django leaves to the end of a migration done now."""

from typing import Any

from django.db.migrations.operations import AddConstraint, AddField, AddIndex
from django.db.migrations.operations.base import Operation


class AtOnce(Operation):
    """The tables of these operations, each made as it is after all of them.

    One after the other, each operation would have Django draw every model anew that is related to its own: a minute
    of processor time for this mall's, instead of seconds. For the first migration of an app only: it cannot be undone.
    """

    reversible = False

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: Any) -> None:
        state.__dict__.pop("apps", None)  # drawn again when it is asked for
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for operation in self.operations:
            if not isinstance(operation, AddField | AddIndex | AddConstraint):  # the table is made with them
                operation.database_forwards(app_label, schema_editor, to_state, to_state)

    def describe(self) -> str:
        return "Make the tables of this app"


class RunDeferred(Operation):
    """Indexes and references of the tables made so far are there: the operations after this one are about them."""

    reduces_to_sql = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in schema_editor.deferred_sql:
            schema_editor.execute(statement, None)
        schema_editor.deferred_sql.clear()

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass
