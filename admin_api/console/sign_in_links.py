"""Links that sign somebody in for a while: printed on a terminal by whoever runs the installation, for a browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from admin_api.console.pages import PREFIX
from admin_api.sign_in import Unauthorized
from runtime.settings import Settings
from runtime.signing import Signer
from sql.database import Connection
from ticketing import api_keys
from ticketing.api_keys import ApiKey

LASTS = timedelta(hours=12)
_PURPOSE = "console sign-in link"


def link_for(key: ApiKey, settings: Settings, now: datetime) -> str:
    """Return the path under which a browser becomes the key's holder, until `LASTS` from now."""
    expires = str(int((now + LASTS).timestamp()))
    signature = Signer.from_settings(settings, _PURPOSE).sign(str(key.id), expires)
    return f"{PREFIX}/sign-in/link/{key.id}.{expires}.{signature}"


def holder_of(connection: Connection, token: str, settings: Settings, now: datetime) -> ApiKey:
    """Return the key of a link's token. Raises Unauthorized for one that is forged, over, or whose key is revoked."""
    key_id, _, rest = token.partition(".")
    expires, _, signature = rest.partition(".")
    if not Signer.from_settings(settings, _PURPOSE).is_valid(signature, key_id, expires):
        raise Unauthorized("This sign-in link was not made here: ask for a new one")
    if now.timestamp() >= int(expires):
        raise Unauthorized("This sign-in link is too old: ask for a new one")
    key = api_keys.find_valid(connection, UUID(key_id), now=now)
    if key is None:
        raise Unauthorized("The key behind this sign-in link has been revoked")
    return key
