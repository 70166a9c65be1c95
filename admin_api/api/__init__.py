"""The resources, one module each, listed by hand: what is not in the list is not served."""

from __future__ import annotations

from admin_api.api import drops, health
from admin_api.blueprints import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = (drops.api, health.api)
