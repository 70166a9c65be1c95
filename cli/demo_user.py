"""The demo user: who signs in to the console of an installation for development by a link, for as long as it runs.

A person, though a made-up one: handovers, accepted risks and overruled photos are somebody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from admin_api.console.sign_in_links import LASTS, link_for
from cli.console import say
from cli.system import operator
from jobs.platform import Platform
from runtime.settings import Settings
from ticketing import api_keys, sample_data
from ticketing.api_keys import ApiKey


@contextmanager
def demo_user(settings: Settings) -> Iterator[str | None]:
    """Lend the path that signs a browser in as an admin; None unless the installation is one for development.

    The key behind it is revoked at the end. Should nobody be left to do that, it ends with the link by itself.
    """
    if settings.environment != "development":
        yield None
        return
    key, path = _invite(settings)
    try:
        yield path
    finally:
        _dismiss(settings, key)


def _invite(settings: Settings) -> tuple[ApiKey, str]:
    with closing(Platform.connect(settings)) as platform, platform.begin(operator()) as work:
        person = sample_data.add_demo_user(work)
        key, _ = api_keys.create(work, sample_data.DEMO_USER, ("admin",), expires_at=work.now + LASTS, user_id=person)
        return key, link_for(key, settings, work.now)


def _dismiss(settings: Settings, key: ApiKey) -> None:
    try:
        with closing(Platform.connect(settings)) as platform, platform.begin(operator()) as work:
            api_keys.revoke(work, key.prefix)
    except psycopg.Error as error:
        # The end must be reached all the same: the servers are to be stopped after this.
        say(f"the demo user's key could not be revoked ({error}); it ends at {key.expires_at:%H:%M} UTC", "yellow")
