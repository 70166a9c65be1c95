"""Signed, expiring links: to a file for whoever holds the link, and to a place where a file may be sent.

A link names the file by its id and the picture's size, never by a path; the signature covers both, the purpose and the
time. What it leads to is looked up when it is used, so a deleted file is gone for those who hold a link too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode, urljoin
from uuid import UUID

from flask import current_app, request
from pydantic import BaseModel, ConfigDict, Field

from admin_api import context
from admin_api.blueprints import PREFIX
from integrations.storage import Storage
from runtime.signing import Signer
from ticketing.errors import Forbidden

READ, WRITE = "file", "upload"
SIZES = ("original", "phone", "desk")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_EXTENSION = "fibreflow_files"


class LinkQuery(BaseModel):
    """What makes a link good: until when (seconds since 1970), and the signature over it."""

    model_config = ConfigDict(extra="ignore")

    expires: Annotated[int, Field(ge=0, le=2**40)]
    signature: Annotated[str, Field(max_length=64)]


class Files:
    """The file store, and who signs links to it; one for each process of the app, opened on first use."""

    def __init__(self) -> None:
        settings = context.platform().settings
        self.storage = Storage.from_settings(settings)
        self.signers = {purpose: Signer.from_settings(settings, purpose) for purpose in (READ, WRITE)}
        self.readable_for = timedelta(seconds=settings.file_link_seconds)
        self.writable_for = timedelta(seconds=settings.upload_link_seconds)


def files() -> Files:
    """Return the app's file store."""
    found: Files | None = current_app.extensions.get(_EXTENSION)
    if found is None:
        found = current_app.extensions[_EXTENSION] = Files()
    return found


def link_to(attachment_id: UUID, size: str = "original") -> str:
    """Return the address under which anybody may read the file for a while from now."""
    return _link(READ, f"{PREFIX}/files/{attachment_id}/{size}", context.now() + files().readable_for)


def link_to_export(export_id: UUID) -> str:
    """Return the address under which anybody may read a finished export for a while from now."""
    return _link(READ, f"{PREFIX}/exports/{export_id}/download", context.now() + files().readable_for)


def link_for_upload(upload_id: UUID, expires_at: datetime) -> str:
    """Return the address that anybody may send the upload's file to until the given time."""
    return _link(WRITE, f"{PREFIX}/uploads/{upload_id}", expires_at)


def require_good(purpose: str, query: LinkQuery) -> datetime:
    """Return until when the link in hand is good. Raises Forbidden for one that is forged, altered or too old."""
    signer, path = files().signers[purpose], request.path
    fits = _SIGNATURE.fullmatch(query.signature) and signer.is_valid(query.signature, path, str(query.expires))
    if not fits:
        raise Forbidden("This link was not made here, or was altered: ask for a new one")
    expires = datetime.fromtimestamp(query.expires, UTC)
    if expires <= context.now():
        raise Forbidden("This link is too old: ask for a new one")
    return expires


def _link(purpose: str, path: str, expires_at: datetime) -> str:
    expires = int(expires_at.timestamp())
    signature = files().signers[purpose].sign(path, str(expires))
    return urljoin(request.host_url, path) + "?" + urlencode({"expires": expires, "signature": signature})
