"""What the addresses of rules have in common: they work with the rights of the token's user, and ask why."""

from typing import Any, cast

from core.accounts.models import User
from crm.api.base import StrictView, body
from crm.api.serializers.customers import Strict, Words


class RuleReasonIn(Strict):
    reason = Words(max_length=300)


class ByRightsView(StrictView):
    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def body(self, kind: type[Strict]) -> dict[str, Any]:
        return dict(body(kind, self.request).validated_data)

    def reason(self) -> str:
        """Why, as the body says it, and nothing else."""
        return str(self.body(RuleReasonIn)["reason"])
