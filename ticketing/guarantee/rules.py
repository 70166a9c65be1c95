"""The rules of guarantee and billing, pure (domain page, "Guarantee and billing")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from ticketing.days import start_of_day
from ticketing.vocabulary import BillingClassification, FaultCause, GuaranteeStatus

FIELDS: Final = ("guarantee_status", "guarantee_expires_at", "is_billable", "billing_classification")
"""The fields of a ticket that a classification sets."""

DEPENDS_ON: Final = frozenset({"fault_cause", "project_id", "dr_number"})
"""The fields of a ticket whose change asks for a new classification; so does its installation date."""

FIRST_DAY: Final = date(1990, 1, 1)
LONGEST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How long a project's guarantee lasts, in days, and what follows from it.

    Without `auto_classify_out_of_guarantee` a fault whose guarantee ran out is not billed to the client by itself: it
    waits for a person's decision.
    """

    installation_days: int = 90
    material_days: int = 365
    contractor_liable_during_guarantee: bool = True
    auto_classify_out_of_guarantee: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a ticket's guarantee comes to. `guarantee_expires_at` is the first moment that is not covered."""

    guarantee_status: GuaranteeStatus
    guarantee_expires_at: datetime | None
    billing_classification: BillingClassification
    is_billable: bool

    def values(self) -> dict[str, Any]:
        """Return the ticket's fields with plain words."""
        return {
            "guarantee_status": self.guarantee_status.value,
            "guarantee_expires_at": self.guarantee_expires_at,
            "is_billable": self.is_billable,
            "billing_classification": self.billing_classification.value,
        }


PENDING: Final = Classification(
    guarantee_status=GuaranteeStatus.PENDING_CLASSIFICATION,
    guarantee_expires_at=None,
    billing_classification=BillingClassification.PENDING_CLASSIFICATION,
    is_billable=False,
)

_UNDER: Final = {
    FaultCause.MATERIAL_FAILURE: BillingClassification.WARRANTY_CLAIM,
    FaultCause.CLIENT_DAMAGE: BillingClassification.CLIENT_DAMAGE,
    FaultCause.THIRD_PARTY: BillingClassification.THIRD_PARTY_DAMAGE,
    FaultCause.ENVIRONMENTAL: BillingClassification.FREE_OF_CHARGE,
    FaultCause.VANDALISM: BillingClassification.FREE_OF_CHARGE,
}

BILLABLE: Final = frozenset(
    {
        BillingClassification.CLIENT_OUT_OF_GUARANTEE,
        BillingClassification.CLIENT_DAMAGE,
        BillingClassification.THIRD_PARTY_DAMAGE,
    }
)
"""The classifications that somebody is sent a bill for."""


def classify(installed_on: date | None, cause: FaultCause | None, periods: Periods, now: datetime) -> Classification:
    """Return what a ticket's guarantee comes to at a moment (aware): pending without a date or a cause."""
    if installed_on is None or cause is None:
        return PENDING
    expires_at = guarantee_end(installed_on, cause, periods)
    under = now < expires_at
    billing = _billing(cause, periods, under=under)
    return Classification(
        guarantee_status=GuaranteeStatus.UNDER_GUARANTEE if under else GuaranteeStatus.OUT_OF_GUARANTEE,
        guarantee_expires_at=expires_at,
        billing_classification=billing,
        is_billable=billing in BILLABLE,
    )


def guarantee_end(installed_on: date, cause: FaultCause, periods: Periods) -> datetime:
    """Return the first moment that a guarantee does not cover: 00:00 local time of day N + 1 after the installation.

    Material lasts as its own period says; everything else, an unknown cause too, as the installation's.
    """
    days = periods.material_days if cause == FaultCause.MATERIAL_FAILURE else periods.installation_days
    return start_of_day(installed_on + timedelta(days=days + 1))


def difference(ticket: Mapping[str, Any], classification: Classification) -> dict[str, Any]:
    """Return those fields of a classification in which the ticket differs."""
    return {field: value for field, value in classification.values().items() if ticket[field] != value}


def _billing(cause: FaultCause, periods: Periods, *, under: bool) -> BillingClassification:
    if cause == FaultCause.UNKNOWN:
        return BillingClassification.PENDING_CLASSIFICATION
    if not under:
        if periods.auto_classify_out_of_guarantee:
            return BillingClassification.CLIENT_OUT_OF_GUARANTEE
        return BillingClassification.PENDING_CLASSIFICATION
    if cause == FaultCause.WORKMANSHIP:
        liable = periods.contractor_liable_during_guarantee
        return BillingClassification.CONTRACTOR_UNDER_GUARANTEE if liable else BillingClassification.FREE_OF_CHARGE
    return _UNDER[cause]
