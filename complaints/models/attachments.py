"""Photos, screenshots and papers of a case, sealed in the database: in every backup with it, and gone with it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case


class Attachment(models.Model):
    """One file. `kind` is what its content says, never its name; the content itself stands in `AttachmentContent`.

    While a call is logged there is no case yet: the file belongs to the call's key, and is its agent's alone.
    """

    class Kind(models.TextChoices):
        JPEG = "jpeg", _("Photo")
        PNG = "png", _("Picture")
        PDF = "pdf", _("PDF")

    class Source(models.TextChoices):
        STAFF = "staff", _("Staff")
        CUSTOMER = "customer", _("Customer")

    case = models.ForeignKey(Case, models.PROTECT, related_name="attachments", null=True, blank=True)
    call_key = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=4, choices=Kind)
    name = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    # Of what was sent, before it was re-encoded: sending it again finds the first.
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=8, choices=Source)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    removed_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "digest"], name="attachment_once", condition=Q(removed_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["call_key", "added_by", "digest"], name="attachment_once_a_call", condition=~Q(call_key="")
            ),
            models.CheckConstraint(
                condition=Q(case__isnull=False, call_key="")
                | Q(case__isnull=True, added_by__isnull=False) & ~Q(call_key=""),
                name="attachment_of_a_case_or_a_call",
            ),
        ]
        indexes = [models.Index(fields=["added_at"], name="attachment_to_forget", condition=Q(removed_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.case_id or self.call_key} {self.name}"


class AttachmentContent(models.Model):
    """What the file holds, encrypted. Removing a file deletes this row; that there was one stays."""

    attachment = models.OneToOneField(Attachment, models.CASCADE, primary_key=True, related_name="content")
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return str(self.attachment_id)


class UploadLink(models.Model):
    """A way for the customer to send files to one case. Its secret is kept only as a digest."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="upload_links")
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Sent once: the same link takes nothing more.
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.case_id} {self.expires_at}"
