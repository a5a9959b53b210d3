"""Who works at the demo mall, and how they sign in."""

from typing import NamedTuple

from core.accounts.models import Role


class Account(NamedTuple):
    username: str
    full_name: str
    role: str
    team: str


PASSWORD = "laoke-demo-2026"  # noqa: S105
TEAMS = {"east": "华东客户组", "south": "华南客户组", "service": "客户服务组"}
MANAGERS = ("chen", "zhao", "lin", "wu")
ACCOUNTS = (
    Account("admin", "何敏", Role.ADMINISTRATOR, ""),
    Account("lead", "周岚", Role.TEAM_LEAD, "east"),
    Account("chen", "陈静", Role.ACCOUNT_MANAGER, "east"),
    Account("zhao", "赵磊", Role.ACCOUNT_MANAGER, "east"),
    Account("lin", "林晓燕", Role.ACCOUNT_MANAGER, "east"),
    Account("wu", "吴建国", Role.ACCOUNT_MANAGER, "south"),
    Account("aide", "孙悦", Role.ASSISTANT, "east"),
    Account("agent", "刘芳", Role.SERVICE_AGENT, "service"),
    Account("service", "郑凯", Role.SERVICE_LEAD, "service"),
    Account("analyst", "许文", Role.ANALYST, ""),
    Account("privacy", "高宁", Role.PRIVACY_OFFICER, ""),
    Account("shop", "网店接口", Role.CLIENT, ""),
    Account("depot", "马强", Role.DEPARTMENT, ""),
)

# level: its name, and the spending that reaches it
LEVELS = {"member": ("会员", 0), "silver": ("银卡", 1500), "gold": ("金卡", 6000), "platinum": ("白金卡", 20000)}
