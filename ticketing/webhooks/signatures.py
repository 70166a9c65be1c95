"""Whether a body comes from who knows the secret: an HMAC over the bytes that arrived, compared in constant time."""

from __future__ import annotations

import hmac
from typing import Literal

Algorithm = Literal["sha256", "sha512"]


def sign(body: bytes, secret: str, algorithm: Algorithm) -> str:
    """Return the signature of a body in lower-case hex."""
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def is_signed(body: bytes, given: str, secret: str, algorithm: Algorithm) -> bool:
    """Whether the signature is that of the body; takes as long for a near miss as for a far one."""
    return hmac.compare_digest(sign(body, secret, algorithm).encode(), given.encode("utf-8", "replace"))
