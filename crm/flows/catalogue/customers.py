"""All fields that conditions on customers may speak of: what each floor declares, together."""

from complaints import conditions as of_complaints
from core.lib.conditions.catalogue import Catalogue
from customers.lists import conditions as of_customers
from loyalty import conditions as of_loyalty
from segmentation import conditions as of_segmentation

CUSTOMERS = Catalogue(
    (*of_customers.FIELDS, *of_segmentation.FIELDS, *of_loyalty.FIELDS, *of_complaints.FIELDS),
)
