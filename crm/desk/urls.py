"""The pages, room by room. Each view names the permission it needs; tests hold this table against the roles."""

from crm.desk.acting import led_back, legible, remembered
from crm.desk.admin.urls import urlpatterns as admin
from crm.desk.books.urls import urlpatterns as books
from crm.desk.bulk.urls import urlpatterns as bulk
from crm.desk.complaints.urls import urlpatterns as complaints
from crm.desk.customers.urls import urlpatterns as customers
from crm.desk.letters.urls import urlpatterns as letters
from crm.desk.loyalty.urls import urlpatterns as loyalty
from crm.desk.numbers.urls import urlpatterns as numbers
from crm.desk.opening import follows_merges
from crm.desk.oversight.urls import urlpatterns as oversight
from crm.desk.own.urls import urlpatterns as own
from crm.desk.palette.urls import urlpatterns as palette
from crm.desk.people.urls import urlpatterns as people
from crm.desk.plan.urls import urlpatterns as plan
from crm.desk.rulebook.urls import urlpatterns as rulebook
from crm.desk.segments.urls import urlpatterns as segments
from crm.desk.team.urls import urlpatterns as team
from crm.desk.winback.urls import urlpatterns as winback
from crm.desk.work.urls import urlpatterns as work

app_name = "desk"
urlpatterns = [
    *work,
    *winback,
    *plan,
    *customers,
    *bulk,
    *palette,
    *letters,
    *complaints,
    *loyalty,
    *numbers,
    *admin,
    *oversight,
    *own,
    *people,
    *team,
    *books,
    *rulebook,
    *segments,
]
for route in urlpatterns:
    route.callback = led_back(legible(remembered(follows_merges(route.callback))))
