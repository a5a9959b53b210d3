"""Forms of the segments: their names; the conditions themselves are read by `draft`."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.desk.editing import EditForm
from segmentation.models import Segment


class NewForm(forms.Form):
    name = forms.CharField(label=_("Name of the segment"), max_length=80)
    about = forms.CharField(label=_("What it is for"), max_length=300, required=False)


class RenameForm(EditForm, forms.ModelForm[Segment]):
    class Meta:
        model = Segment
        fields = ["name", "about"]
        labels = {"name": _("Name of the segment"), "about": _("What it is for")}


class ReviseForm(forms.Form):
    reason = forms.CharField(label=_("Why it changes"), max_length=300)
    based_on = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
