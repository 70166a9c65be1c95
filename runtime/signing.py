"""Signatures for links: a text that only this installation could have signed, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from runtime.errors import SettingsError
from runtime.settings import Settings

KEY_FILE = "secret_key"
KEY_BYTES = 32


class Signer:
    """Signs texts for one purpose; a signature for another purpose never fits."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = _derived(secret, purpose)

    @classmethod
    def from_settings(cls, settings: Settings, purpose: str) -> Signer:
        """Return the signer of this installation. Raises SettingsError when its key cannot be kept."""
        return cls(_secret(settings), purpose)

    def sign(self, *parts: str) -> str:
        """Return the signature of the parts, in hex; where one part ends and the next begins is signed too."""
        message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def is_valid(self, signature: str, *parts: str) -> bool:
        """Whether the signature is the one of the parts; takes as long for a near miss as for a far one."""
        return hmac.compare_digest(self.sign(*parts).encode(), signature.encode("utf-8", "replace"))


def derive_key(settings: Settings, purpose: str) -> bytes:
    """Return this installation's key of 32 bytes for one purpose; no other purpose's key can be told from it.

    Raises SettingsError when the installation's secret cannot be kept.
    """
    return _derived(_secret(settings), purpose)


def _derived(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, f"fibreflow:{purpose}".encode(), "sha256")


def _secret(settings: Settings) -> bytes:
    """Return the secret that is set, else one that is made once and kept beside the installation's data."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / KEY_FILE
    try:
        return _kept(path)
    except OSError as error:
        raise SettingsError(f"No key can be kept in {path}: set FIBREFLOW_SECRET_KEY") from error


def _kept(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{KEY_FILE}-{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES))
        # Of two processes that make one at once, the first to link it wins; the file is never seen half written.
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_bytes().strip()
