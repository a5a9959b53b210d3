from django.urls import path

from crm.desk.palette import pages

urlpatterns = [path("palette/", pages.palette, name="palette")]
