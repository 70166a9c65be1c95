"""The words of the domain, spelt as on the wire and in the database, and how long or shaped its values may be.

The database's CHECKs hold the same words; a test compares the two. Pure: no clock, no connection.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Source(StrEnum):
    """Where a ticket came from."""

    QCONTACT = "qcontact"
    WEEKLY_REPORT = "weekly_report"
    CONSTRUCTION = "construction"
    AD_HOC = "ad_hoc"
    INCIDENT = "incident"
    REVENUE = "revenue"
    ONT_SWAP = "ont_swap"
    MANUAL = "manual"


class TicketType(StrEnum):
    """What kind of work a ticket asks for."""

    MAINTENANCE = "maintenance"
    NEW_INSTALLATION = "new_installation"
    MODIFICATION = "modification"
    ONT_SWAP = "ont_swap"
    INCIDENT = "incident"


class Priority(StrEnum):
    """How urgent a ticket is, from least to most."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"
    CRITICAL = "critical"


class Status(StrEnum):
    """Where a ticket is in its life."""

    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING_QA = "pending_qa"
    QA_IN_PROGRESS = "qa_in_progress"
    QA_REJECTED = "qa_rejected"
    QA_APPROVED = "qa_approved"
    PENDING_HANDOVER = "pending_handover"
    HANDED_TO_MAINTENANCE = "handed_to_maintenance"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Owner(StrEnum):
    """The three parties that a ticket passes between."""

    BUILD = "build"
    QA = "qa"
    MAINTENANCE = "maintenance"


class FaultCause(StrEnum):
    """Why a fault happened."""

    WORKMANSHIP = "workmanship"
    MATERIAL_FAILURE = "material_failure"
    CLIENT_DAMAGE = "client_damage"
    THIRD_PARTY = "third_party"
    ENVIRONMENTAL = "environmental"
    VANDALISM = "vandalism"
    UNKNOWN = "unknown"


class GuaranteeStatus(StrEnum):
    """Whether the guarantee covers the work."""

    UNDER_GUARANTEE = "under_guarantee"
    OUT_OF_GUARANTEE = "out_of_guarantee"
    PENDING_CLASSIFICATION = "pending_classification"


class BillingClassification(StrEnum):
    """Who pays, and why."""

    CONTRACTOR_UNDER_GUARANTEE = "contractor_under_guarantee"
    CLIENT_OUT_OF_GUARANTEE = "client_out_of_guarantee"
    CLIENT_DAMAGE = "client_damage"
    THIRD_PARTY_DAMAGE = "third_party_damage"
    WARRANTY_CLAIM = "warranty_claim"
    FREE_OF_CHARGE = "free_of_charge"
    PENDING_CLASSIFICATION = "pending_classification"


class RiskType(StrEnum):
    """What kind of risk QA accepted."""

    MINOR_DEFECT = "minor_defect"
    DOCUMENTATION_GAP = "documentation_gap"
    PENDING_MATERIAL = "pending_material"
    TEMPORARY_FIX = "temporary_fix"
    COSMETIC_ISSUE = "cosmetic_issue"
    CLIENT_REQUESTED = "client_requested"
    WEATHER_DEPENDENT = "weather_dependent"
    PENDING_THIRD_PARTY = "pending_third_party"
    OTHER = "other"


class RiskStatus(StrEnum):
    """What became of an accepted risk."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    ESCALATED = "escalated"


class HandoverType(StrEnum):
    """Between which owners a ticket is handed over."""

    BUILD_TO_QA = "build_to_qa"
    QA_TO_MAINTENANCE = "qa_to_maintenance"
    MAINTENANCE_COMPLETE = "maintenance_complete"


class EscalationScope(StrEnum):
    """On what repeated faults are counted."""

    POLE = "pole"
    PON = "pon"
    ZONE = "zone"
    DR = "dr"


class EscalationType(StrEnum):
    """What an escalation asks for."""

    INVESTIGATION = "investigation"
    INSPECTION = "inspection"
    REPLACEMENT = "replacement"


class EscalationStatus(StrEnum):
    """What became of an escalation."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    RESOLVED = "resolved"
    NO_ACTION = "no_action"


class NoteType(StrEnum):
    """Whom a note is for."""

    INTERNAL = "internal"
    CLIENT = "client"
    SYSTEM = "system"


class NoteVisibility(StrEnum):
    """Whether a note may leave the house."""

    PRIVATE = "private"
    PUBLIC = "public"


class ActivityType(StrEnum):
    """As what something is shown on the timeline of a ticket."""

    NOTE = "note"
    UPDATE = "update"
    STATUS_CHANGE = "status_change"
    ASSIGNMENT = "assignment"
    MESSAGE = "message"
    SYSTEM = "system"


class ActivitySource(StrEnum):
    """Where something on the timeline of a ticket happened."""

    QCONTACT = "qcontact"
    FIBREFLOW = "fibreflow"


class AttachmentFileType(StrEnum):
    """What an attached file is."""

    PHOTO = "photo"
    DOCUMENT = "document"
    EXCEL = "excel"
    PDF = "pdf"


class InspectionStatus(StrEnum):
    """What the inspection of a photo found."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUSPECT = "suspect"


class RecipientType(StrEnum):
    """Whom a notice is for."""

    CONTRACTOR = "contractor"
    TECHNICIAN = "technician"
    CLIENT = "client"
    TEAM = "team"


class NotificationStatus(StrEnum):
    """How far a notice got."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class NotificationTemplate(StrEnum):
    """The notices that the system knows how to write."""

    TICKET_ASSIGNED = "ticket_assigned"
    QA_REJECTED = "qa_rejected"
    QA_APPROVED = "qa_approved"
    TICKET_CLOSED = "ticket_closed"
    SLA_WARNING = "sla_warning"
    RISK_EXPIRING = "risk_expiring"
    ESCALATION_CREATED = "escalation_created"
    HANDOVER_COMPLETE = "handover_complete"


class ImportStatus(StrEnum):
    """What became of a weekly report, as the wire shows it."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class ImportPhase(StrEnum):
    """Where between upload and end a weekly report is; `previewed` waits for a person's word."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    PREVIEWED = "previewed"
    IMPORTING = "importing"
    FINISHED = "finished"


class RowVerdict(StrEnum):
    """What checking found about a row of the sheet, before anything is written."""

    OK = "ok"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class RowOutcome(StrEnum):
    """What became of a row of the sheet."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class RowErrorType(StrEnum):
    """Why a row of the sheet was rejected."""

    MISSING_REQUIRED_FIELD = "missing_required_field"
    INVALID_FORMAT = "invalid_format"
    DUPLICATE_ENTRY = "duplicate_entry"
    VALIDATION_FAILED = "validation_failed"
    DATABASE_ERROR = "database_error"
    UNKNOWN_ERROR = "unknown_error"


class SyncDirection(StrEnum):
    """Which way a sync went, as we see it."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class SyncType(StrEnum):
    """What a sync carried."""

    CREATE = "create"
    STATUS_UPDATE = "status_update"
    ASSIGNMENT = "assignment"
    NOTE_ADD = "note_add"
    FULL_SYNC = "full_sync"


class SyncStatus(StrEnum):
    """How a sync ended."""

    SUCCESS = "success"
    FAILED = "failed"
    PARTIAL = "partial"


class BulkAction(StrEnum):
    """What can be done to many tickets at once."""

    ASSIGN = "assign"
    PRIORITY = "priority"
    STATUS = "status"


class BulkOutcome(StrEnum):
    """What became of one ticket of a bulk action."""

    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class ExportFormat(StrEnum):
    """What kind of file an export is."""

    XLSX = "xlsx"
    CSV = "csv"


TRANSITIONS: Final = MappingProxyType(
    {
        Status.OPEN: (Status.ASSIGNED, Status.CANCELLED),
        Status.ASSIGNED: (Status.IN_PROGRESS, Status.OPEN, Status.CANCELLED),
        Status.IN_PROGRESS: (Status.PENDING_QA, Status.ASSIGNED, Status.CANCELLED),
        Status.PENDING_QA: (Status.QA_IN_PROGRESS, Status.IN_PROGRESS, Status.CANCELLED),
        Status.QA_IN_PROGRESS: (Status.QA_APPROVED, Status.QA_REJECTED, Status.PENDING_QA),
        Status.QA_REJECTED: (Status.IN_PROGRESS, Status.ASSIGNED, Status.CANCELLED),
        Status.QA_APPROVED: (Status.PENDING_HANDOVER, Status.CLOSED),
        Status.PENDING_HANDOVER: (Status.HANDED_TO_MAINTENANCE, Status.QA_APPROVED),
        Status.HANDED_TO_MAINTENANCE: (Status.CLOSED,),
        Status.CLOSED: (),
        Status.CANCELLED: (),
    }
)
"""The status machine: from each status, the only moves allowed, in the order in which they are offered."""

TERMINAL_STATUSES: Final = frozenset(status for status, moves in TRANSITIONS.items() if not moves)

NOTIFICATION_TRANSITIONS: Final = MappingProxyType(
    {
        "pending": ("sent", "delivered", "read", "failed"),
        "sent": ("delivered", "read", "failed"),
        "delivered": ("read",),
        "read": (),
        "failed": ("pending", "sent", "delivered", "read"),
    }
)
"""How a notice may move on: acknowledgements come doubled and out of order, and never take it back."""

FAULT_TYPES: Final = frozenset({TicketType.MAINTENANCE, TicketType.INCIDENT})
"""The types of ticket that report a fault: they need a cause to be closed, and count as repeat faults."""


DR_NUMBER_PATTERN: Final = r"^DR\d{6,8}$"
FT_REFERENCE_PATTERN: Final = r"^FT\d+$"
TICKET_UID_PATTERN: Final = r"^FF\d{6,}$"
REPORT_UID_PATTERN: Final = r"^WR\d{4}-W\d{2}-\d{3}$"

TITLE_MAX_LENGTH: Final = 255
EXTERNAL_ID_MAX_LENGTH: Final = 100
PLACE_MAX_LENGTH: Final = 50
"""The longest DR, pole, PON and zone, in characters."""
ATTACHMENT_MAX_BYTES: Final = 10 * 1024 * 1024

ONT_RX_READABLE_DBM: Final = (-60.0, 10.0)
"""What a meter can show at all; what is good enough for QA is a setting."""
