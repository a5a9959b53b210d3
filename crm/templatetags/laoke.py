"""Small words for templates: nothing here asks the database."""

from django import template

from crm.accounts.models import User
from crm.accounts.permissions import may as user_may
from crm.accounts.permissions import sees as user_sees
from crm.accounts.roles import Field, Permission

register = template.Library()


@register.filter
def may(user: User, permission: str) -> bool:
    """{% if user|may:"edit_rules" %}"""
    return user_may(user, Permission(permission))


@register.filter
def sees(user: User, field: str) -> bool:
    """{% if user|sees:"margin" %}"""
    return user_sees(user, Field(field))
