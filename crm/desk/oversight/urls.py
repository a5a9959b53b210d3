"""The audit trail, the privacy officer's desk, and who saw a customer."""

from django.urls import path

from crm.desk.oversight import audit, erasing, privacy

urlpatterns = [
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
    path("audit/months/", audit.months, name="audit_months"),
    path("audit/rights/", privacy.access, name="rights"),
    path("privacy/", privacy.privacy, name="privacy"),
    path("privacy/kept/", privacy.kept, name="privacy_kept"),
    path("privacy/requests/", privacy.register, name="privacy_register"),
    path("privacy/requests/<int:pk>/end/", privacy.end, name="privacy_end"),
    path("privacy/requests/<int:pk>/erase/", erasing.erase, name="privacy_erase"),
    path("privacy/who-saw/", privacy.who_saw, name="privacy_who_saw"),
    path("customers/<int:pk>/seen/", privacy.customer_seen, name="customer_seen"),
]
