"""Sample people, companies and teams for trying the system out. Nobody of them is real, and none can sign in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.people import Role

# RFC 2606 keeps this domain from ever being somebody's.
MAIL = "example.com"
COMPANIES = (("Veld Fibre Crew", "VELD"), ("Kopje Splicing", "KOPJE"))


@dataclass(frozen=True, slots=True)
class Person:
    """A sample person, in one role; `company` is set for a contractor's people, `team` for those who go out."""

    name: str
    role: Role
    company: str | None = None
    team: str | None = None
    leads: bool = False

    @property
    def email(self) -> str:
        """The address that only this person has."""
        return f"{self.name.lower().replace(' ', '.')}@{MAIL}"

    @property
    def phone(self) -> str:
        """The number that only this person has; of a range that is nobody's in the samples of the gateways."""
        return f"+2760000{1000 + PEOPLE.index(self)}"


PEOPLE = (
    Person("Naledi Khumalo", "admin"),
    Person("Pieter Botha", "manager"),
    Person("Ayesha Patel", "operator"),
    Person("Thandi Mokoena", "qa"),
    Person("Sipho Dlamini", "technician", team="Field North", leads=True),
    Person("Johan Venter", "technician", team="Field North"),
    Person("Lerato Molefe", "technician", team="Field South", leads=True),
    Person("Bongani Nkosi", "contractor", company="VELD", team="Veld Crew 1", leads=True),
    Person("Fatima Davids", "contractor", company="KOPJE", team="Kopje Crew 1", leads=True),
    Person("Willem Smit", "viewer"),
)


# Who tries a new installation out through the console: one person, so that all that persons alone may do is offered.
DEMO_USER = "Demo User"


@dataclass(frozen=True, slots=True)
class Added:
    """How many rows of each kind were new."""

    companies: int
    people: int
    teams: int


def add(work: UnitOfWork) -> Added:
    """Add the sample companies, people and teams that are not there yet; what is there stays as it is."""
    companies = queries("sample_data").add_contractors(
        work.connection,
        ids=[_id("company", code) for _, code in COMPANIES],
        names=[name for name, _ in COMPANIES],
        codes=[code for _, code in COMPANIES],
        now=work.now,
    )
    people = queries("sample_data").add_users(
        work.connection,
        ids=[_id("person", one.name) for one in PEOPLE],
        names=[one.name for one in PEOPLE],
        emails=[one.email for one in PEOPLE],
        roles=[one.role for one in PEOPLE],
        contractor_ids=[_company_of(one) for one in PEOPLE],
        phones=[one.phone for one in PEOPLE],
        now=work.now,
    )
    return Added(companies, people, _add_teams(work))


def add_demo_user(work: UnitOfWork) -> UUID:
    """Add the made-up admin who tries an installation out, unless they are there already; return their id."""
    found = _id("person", DEMO_USER)
    queries("sample_data").add_users(
        work.connection,
        ids=[found],
        names=[DEMO_USER],
        emails=[f"demo.user@{MAIL}"],
        roles=["admin"],
        contractor_ids=[None],
        phones=[None],
        now=work.now,
    )
    return found


def _add_teams(work: UnitOfWork) -> int:
    leaders = [one for one in PEOPLE if one.team and one.leads]
    teams: int = queries("sample_data").add_teams(
        work.connection,
        ids=[_id("team", one.team or "") for one in leaders],
        names=[one.team for one in leaders],
        types=["contractor" if one.company else "internal" for one in leaders],
        lead_user_ids=[_id("person", one.name) for one in leaders],
        contractor_ids=[_company_of(one) for one in leaders],
        now=work.now,
    )
    members = [one for one in PEOPLE if one.team]
    queries("sample_data").add_team_members(
        work.connection,
        ids=[_id("member", one.name) for one in members],
        team_ids=[_id("team", one.team or "") for one in members],
        user_ids=[_id("person", one.name) for one in members],
        first_names=[one.name.split()[0] for one in members],
        last_names=[one.name.split()[1] for one in members],
        leads=[one.leads for one in members],
        phones=[one.phone for one in members],
        now=work.now,
    )
    return teams


def _company_of(person: Person) -> UUID | None:
    return _id("company", person.company) if person.company else None


def _id(kind: str, name: str) -> UUID:
    """The same id every time, so that adding twice adds once."""
    return uuid5(NAMESPACE_URL, f"https://{MAIL}/fibreflow/sample/{kind}/{name}")
