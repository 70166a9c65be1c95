"""Sends a notice that was written, or looks whether it went out: never lost, never sent twice without a look."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from integrations.outside import NotSetUp
from jobs.context import JobContext
from jobs.outcomes import Outcome, done, snooze
from jobs.procedures.notice_looking import Looker
from jobs.procedures.notice_sending import Sender
from jobs.registry import JobArgs, job
from ticketing.notices import delivery
from ticketing.notices.sending_rules import GiveUp, Leave, Look, Send, Wait


class SendNotice(JobArgs):
    """The notice to send."""

    notice_id: UUID


@job(
    "send_notice",
    queue="notifications",
    time_limit=180,
    unique_by=("notice_id",),
    subjects=(("notice", "notice_id"),),
    retention=timedelta(days=7),
)
def send_notice(args: SendNotice, context: JobContext) -> Outcome:
    """Take the next step with a notice, as its row says. Without a gateway it stays; `reconcile_notices` comes back."""
    try:
        client = context.platform.outside.waha
    except NotSetUp as error:
        return done({"left": error.message})
    with context.step() as work:
        notice, following = delivery.begin_sending(work, args.notice_id)
    match following:
        case Leave(reason):
            return done({"left": reason})
        case GiveUp(code, _):
            return done({"failed": code})
        case Wait(until, reason):
            return snooze(until, reason)
        case Look():
            return Looker.of(context, client, notice).look()
        case Send():
            return Sender.of(context, client, notice).send_first()
