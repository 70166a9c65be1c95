"""Drops: the SOW register says on which pole, PON and zone each home's connection point hangs, and in which project.

`register` reads the register's rows and is pure; `importing` brings them to the database; `lookup` answers for a drop.
"""

from __future__ import annotations

from ticketing.drops.importing import ImportResult, import_register
from ticketing.drops.lookup import lookup
from ticketing.drops.register import (
    Duplicate,
    Register,
    RegisterRow,
    Rejection,
    UnreadableRegister,
    read_register,
    require_register,
)

__all__ = [
    "Duplicate",
    "ImportResult",
    "Register",
    "RegisterRow",
    "Rejection",
    "UnreadableRegister",
    "import_register",
    "lookup",
    "read_register",
    "require_register",
]
