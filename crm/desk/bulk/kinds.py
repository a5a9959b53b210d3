"""Which lists there are bulk runs over, and of what kinds: the roof's table, passed down to `core.jobs.bulk`."""

from collections.abc import Mapping

from core.jobs.bulk import BulkKind
from crm.desk.bulk import export
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.lists.definition import ListDef
from crm.flows.bulk import customers
from crm.flows.bulk.exports import EXPORT

LISTS: Mapping[str, ListDef] = {definition.key: definition for definition in (CUSTOMER_LIST,)}
KINDS: Mapping[str, BulkKind] = {**customers.KINDS, EXPORT: export.kind(LISTS)}
