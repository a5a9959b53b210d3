"""Which lists there are bulk runs over, and of what kinds: the roof's table, passed down to `core.jobs.bulk`."""

from collections.abc import Mapping

from core.jobs.bulk import BulkKind
from crm.desk.bulk import export
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.lists.definition import ListDef
from crm.desk.work.lists.alert_list import ALERT_LIST
from crm.flows.bulk import alerts, cases, customers
from crm.flows.bulk.exports import EXPORT

LISTS: Mapping[str, ListDef] = {definition.key: definition for definition in (CUSTOMER_LIST, CASE_LIST, ALERT_LIST)}
KINDS: Mapping[str, BulkKind] = {**customers.KINDS, **cases.KINDS, **alerts.KINDS, EXPORT: export.kind(LISTS)}
