"""The fields of the lists of work: cases, alerts, and the orders that came in."""

from complaints import case_conditions
from core.lib.conditions.catalogue import Catalogue
from customers.lists import orders as order_conditions
from segmentation.reading import alert_conditions

CASES = Catalogue(case_conditions.FIELDS)
ALERTS = Catalogue(alert_conditions.FIELDS)
ORDERS = Catalogue(order_conditions.FIELDS)
