"""Verification: the 12 steps of a ticket, what each needs, who completed it and when (domain page, "The 12 steps")."""

from ticketing.verification.changes import StepChanges
from ticketing.verification.rules import parse_step_number
from ticketing.verification.service import change_step, get_progress, initialise, list_steps

__all__ = ["StepChanges", "change_step", "get_progress", "initialise", "list_steps", "parse_step_number"]
