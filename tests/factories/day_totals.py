"""Builders for the totals of days: what SLA and faults depend on, changed by chance, and both counted the long way."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sql.database import Connection, queries
from tests.factories import Row, insert, make_contractor
from tests.factories.dashboard import Chance
from ticketing.faults import trends
from ticketing.faults.trends import TrendRequest, Trends
from ticketing.people import find_project
from ticketing.sla import compliance
from ticketing.sla.compliance import Compliance, ComplianceRequest
from ticketing.ticket_views import EVERYTHING
from ticketing.vocabulary import FaultCause, Priority

# How compliance was counted before there were totals: from every ticket of the period.
PLAIN_COMPLIANCE = """
with clocks as (
    select
        case %(group_by)s::text
            when 'priority' then t.priority
            when 'project' then t.project_id::text
            when 'contractor' then t.assigned_contractor_id::text
        end as value,
        case
            when %(period)s::text is not null
                then date_trunc(%(period)s::text, t.reported_at at time zone %(zone)s::text)::date
        end as period,
        t.closed_at is not null as is_closed,
        t.sla_breached or (
            t.sla_next_check_at is not null
            and (t.sla_due_at < t.closed_at or (t.closed_at is null and t.sla_due_at <= %(now)s::timestamptz))
        ) as is_breached,
        t.sla_first_response_due_at is not null as is_answerable,
        t.sla_first_response_at <= t.sla_first_response_due_at as is_answered,
        coalesce(t.sla_first_response_at, t.closed_at, %(now)s::timestamptz) > t.sla_first_response_due_at
            as is_answered_late
    from tickets as t
    where
        t.sla_due_at is not null
        and t.status <> 'cancelled'
        and t.reported_at >= %(reported_from)s::timestamptz
        and t.reported_at < %(reported_before)s::timestamptz
        and (%(project)s::uuid is null or t.project_id = %(project)s::uuid)
        and (%(contractor)s::uuid is null or t.assigned_contractor_id = %(contractor)s::uuid)
        and (%(priority)s::text is null or t.priority = %(priority)s::text)
),

counted as (
    select
        value,
        period,
        count(*) as total,
        count(*) filter (where is_closed and not is_breached) as met,
        count(*) filter (where is_breached) as breached,
        count(*) filter (where is_answerable and is_answered) as response_met,
        count(*) filter (where is_answerable and is_answered_late) as response_breached
    from clocks
    group by value, period
)

select
    c.value,
    c.period,
    coalesce(p.name, k.name) as name,
    p.code as project_code,
    c.total,
    c.met,
    c.breached,
    c.response_met,
    c.response_breached,
    sum(c.total) over () as all_total,
    sum(c.met) over () as all_met,
    sum(c.breached) over () as all_breached,
    sum(c.response_met) over () as all_response_met,
    sum(c.response_breached) over () as all_response_breached
from counted as c
left join projects as p on %(group_by)s::text = 'project' and c.value = p.id::text
left join contractors as k on %(group_by)s::text = 'contractor' and c.value = k.id::text
order by c.period desc nulls last, c.total desc, c.value asc nulls last
limit %(most)s::bigint
"""


class DayChance(Chance):
    """Makes and changes tickets by chance, also in what only SLA and faults depend on."""

    def __init__(self, connection: Connection, seed: int, now: datetime) -> None:
        super().__init__(connection, seed, now)
        self._own_dice = random.Random(seed)
        self.companies = [make_contractor(connection)["id"], None]

    def step(self) -> None:
        """Do one thing, to one ticket or to several at once."""
        own: list[Callable[[], None]] = [
            self.promise_answer, self.answer, self.change_priority, self.find_cause, self.give_to_company,
            self.change_type, self.escalate, self.measure_anew,
        ]  # fmt: skip
        self._own_dice.choice([*own, *[super().step] * len(own)])()

    def promise_answer(self) -> None:
        """Say until when tickets are answered first: in the past, in the future, or not at all."""
        hours = self._own_dice.randint(-60, 60)
        due = self._own_dice.choice([None, self.now, self.now + timedelta(hours=hours)])
        self._change("sla_first_response_due_at = %s", [due])

    def answer(self) -> None:
        """Answer tickets, or take it back."""
        at = self._own_dice.choice([None, self.now - timedelta(hours=self._own_dice.randint(0, 60))])
        self._change("sla_first_response_at = %s", [at])

    def measure_anew(self) -> None:
        """Give clocks that do not stand still another due time, also where a breach has been noted: that stays."""
        due = self.now + timedelta(hours=self._own_dice.randint(-50, 50))
        self._change("sla_due_at = %s, sla_next_check_at = %s", [due, due], "sla_paused_at is null")

    def change_priority(self) -> None:
        """Change how urgent tickets are."""
        self._change("priority = %s", [self._own_dice.choice(list(Priority)).value])

    def find_cause(self) -> None:
        """Say what caused faults; of open ones also that nobody knows."""
        cause = self._own_dice.choice([None, *FaultCause])
        self._change("fault_cause = %s", [cause], "status <> 'closed'" if cause is None else "true")

    def give_to_company(self) -> None:
        """Give tickets to a company, or to none."""
        self._change("assigned_contractor_id = %s", [self._own_dice.choice(self.companies)])

    def change_type(self) -> None:
        """Make faults of tickets that were none, and the other way round."""
        kind = self._own_dice.choice(["maintenance", "incident", "ont_swap"])
        self._change("ticket_type = %s", [kind], "fault_cause is not null")

    def escalate(self) -> None:
        """Have an escalation make a ticket: it counts as no fault from then on."""
        place: Row = {"scope_type": "pole", "fault_count": 3, "fault_threshold": 3}
        place["scope_value"] = f"P{self._own_dice.getrandbits(64)}"
        escalation = insert(self.connection, "repeat_fault_escalations", **place)
        self.connection.execute(
            "update tickets set escalation_id = %s where id = (select max(id::text)::uuid from tickets"
            " where escalation_id is null)",
            [escalation["id"]],
        )


def count_compliance_plainly(connection: Connection, wanted: ComplianceRequest, now: datetime) -> Compliance:
    """Compliance, counted from every ticket."""
    reported = compliance._range(wanted, now)
    project = (find_project(connection, wanted.project_id) or UUID(int=0)) if wanted.project_id else None
    values = compliance._parameters(wanted, project, reported, now)
    rows = connection.execute(PLAIN_COMPLIANCE.encode(), values, prepare=False).fetchall()
    return compliance._as_asked(rows, wanted, reported)


def count_faults_plainly(connection: Connection, wanted: TrendRequest) -> Trends:
    """Faults as those count them who see every ticket, counted from every ticket."""
    values = trends._parameters(wanted, trends._project(connection, wanted), EVERYTHING)
    rows = connection.execute(queries("faults").count_faults.sql, values, prepare=False).fetchall()
    return trends._as_asked(rows, wanted)
