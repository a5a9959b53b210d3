"""The complaint desk's tables, by subject."""

from complaints.models.attachments import Attachment, AttachmentContent, UploadLink
from complaints.models.calendars import BusinessCalendar, CalendarDay, CalendarShift, CalendarWeek, CalendarYear
from complaints.models.callers import CallerMark
from complaints.models.cases import Case, CaseEvent, CaseMessage, CaseOrder, Draft
from complaints.models.catalogue import Category, ReplyTemplate, RootCause
from complaints.models.clocks import Clock, ClockAlert, Pause
from complaints.models.desk import Department, Queue, QueueMember
from complaints.models.handover import Handover
from complaints.models.improvement import CorrectiveAction, SilentSign, Survey
from complaints.models.mail import CaseMail
from complaints.models.prompts import PromptDelivery, ServicePrompt
from complaints.models.remedies import Remedy, RemedyLimit
from complaints.models.sla import EscalationStep, Metric, PriorityMatrix, SlaPolicy, SlaTarget

__all__ = [
    "Attachment",
    "AttachmentContent",
    "BusinessCalendar",
    "CalendarDay",
    "CalendarShift",
    "CalendarWeek",
    "CalendarYear",
    "CallerMark",
    "Case",
    "CaseEvent",
    "CaseMail",
    "CaseMessage",
    "CaseOrder",
    "Category",
    "Clock",
    "ClockAlert",
    "CorrectiveAction",
    "Department",
    "Draft",
    "EscalationStep",
    "Handover",
    "Metric",
    "Pause",
    "PriorityMatrix",
    "PromptDelivery",
    "Queue",
    "QueueMember",
    "Remedy",
    "RemedyLimit",
    "ReplyTemplate",
    "RootCause",
    "ServicePrompt",
    "SilentSign",
    "SlaPolicy",
    "SlaTarget",
    "Survey",
    "UploadLink",
]
