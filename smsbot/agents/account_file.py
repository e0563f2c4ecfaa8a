"""Accounts as a CSV file, in French: written for a spreadsheet, and read as people send it back.

A row gives one account a role in one or several organisations of a source. Several rows with one address add up. The
columns may be in any order, under these headings or the usual other ones; other columns are ignored. Reading is
tolerant, as with appointments (`smsbot.sources.file_lines`): any delimiter, UTF-8 or Windows-1252, `sep=;` in a first
line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from smsbot.agents.account_list import ListedAccount
from smsbot.agents.accounts import Role
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_SOURCE, DEFAULT_TIME_ZONE
from smsbot.problem import Problem
from smsbot.rules.letters import fold_for_search
from smsbot.sources import texts
from smsbot.sources.csv_tables import CsvRow, folded_heading, read_table

EMAIL, NAME, FIRST_NAME, ORGANISATIONS, ROLE, SOURCE = "e-mail", "nom", "prénom", "organisations", "rôle", "source"
HEADING = (EMAIL, NAME, ROLE, ORGANISATIONS, SOURCE, "dernière connexion", "accès retiré le")
"""The columns that are written. The last two are for information: reading ignores them."""
EVERYWHERE = "toutes"
ROLE_WORDS = {Role.AGENT: "agent", Role.ADMINISTRATOR: "administrateur"}

_HEADINGS: Mapping[str, Sequence[str]] = {
    EMAIL: ("e_mail", "email", "courriel", "mail", "mel", "adresse_e_mail", "adresse_mail", "adresse_electronique"),
    NAME: ("nom", "nom_de_famille", "nom_et_prenom", "prenom_et_nom", "agent"),
    FIRST_NAME: ("prenom",),
    ORGANISATIONS: (
        *("organisations", "organisation", "structure", "structures", "service", "services"),
        *("id_organisation", "organisation_id", "code_organisation", "identifiant_organisation"),
    ),
    ROLE: ("role", "profil", "droits", "droit"),
    SOURCE: ("source",),
}
_MEANS = {written: column for column, headings in _HEADINGS.items() for written in headings}
_ROLES = {
    "": None,
    **dict.fromkeys(("AGENT", "AGENTE", "AGENTS", "USER", "UTILISATEUR"), Role.AGENT),
    **dict.fromkeys(("ADMINISTRATEUR", "ADMINISTRATRICE", "ADMIN", "ADMINISTRATOR", "GERANT"), Role.ADMINISTRATOR),
}
_SEPARATORS = re.compile(r"[,;|]")
_NOT_A_FORMULA = re.compile(r"'(?=[=+\-@\t\r])")
"""What `smsbot.spreadsheets` puts before a text that a spreadsheet would take for a formula."""


class LineProblem(StrEnum):
    """Why a line is refused. The texts are in the templates, and in `smsbot.cli.agent_file_commands`."""

    UNREADABLE = "unreadable"
    NO_EMAIL = "no_email"
    BAD_EMAIL = "bad_email"
    BAD_ROLE = "bad_role"
    NO_ORGANISATION = "no_organisation"
    UNKNOWN_ORGANISATION = "unknown_organisation"
    SEVERAL_ORGANISATIONS = "several_organisations"
    NOT_YOURS = "not_yours"
    YOURSELF = "yourself"


class NoAccounts(Problem):
    """The file does not have the columns that are needed. `headings` are those that it has."""

    def __init__(self, headings: Sequence[str]) -> None:
        found = f" The headings are {', '.join(headings)}." if headings else ""
        super().__init__(f"The file is no CSV with the columns {EMAIL} and {ORGANISATIONS}.{found}")
        self.headings = tuple(headings)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One line of the file. `organisations` is the text of the cell: ids or names at `source`, with commas between
    them, or a single name that has commas. `role` is None where the line has none.
    """

    line: int
    email: str
    name: str | None
    role: Role | None
    source: str
    organisations: str


@dataclass(frozen=True, slots=True)
class RefusedAccountLine:
    """A line that is refused. `said` is the cell with the problem, or the address."""

    line: int
    problem: LineProblem
    said: str = ""


def read_accounts(content: bytes) -> Iterator[AccountLine | RefusedAccountLine]:
    """The lines of a file, in order. Raises NoAccounts at once where columns are missing."""
    header, rows = read_table(content, _MEANS)
    names = [_MEANS.get(folded_heading(cell), "") for cell in header]
    if EMAIL not in names or ORGANISATIONS not in names:
        raise NoAccounts([cell.strip() for cell in header if cell.strip() and cell.isprintable()][:20])
    return (_read(row, names) if isinstance(row, CsvRow) else _unreadable(row.where) for row in rows)


def _unreadable(where: str) -> RefusedAccountLine:
    return RefusedAccountLine(int(where.rpartition(" ")[2]), LineProblem.UNREADABLE)


def _read(row: CsvRow, names: Sequence[str]) -> AccountLine | RefusedAccountLine:
    cells = {name: _plain(cell) for name, cell in reversed(list(zip(names, row.cells, strict=False)))}
    written = cells.get(EMAIL, "")
    email, role = texts.email(written), fold_for_search(cells.get(ROLE, ""))
    organisations = texts.line(cells.get(ORGANISATIONS)) or ""
    problem = None
    if email is None:
        problem, said = (LineProblem.BAD_EMAIL if written else LineProblem.NO_EMAIL), written
    elif role not in _ROLES:
        problem, said = LineProblem.BAD_ROLE, cells[ROLE]
    elif not organisations:
        problem, said = LineProblem.NO_ORGANISATION, email
    if problem is not None or email is None:
        return RefusedAccountLine(row.line, problem or LineProblem.NO_EMAIL, (texts.line(said) or "")[:254])
    return AccountLine(
        line=row.line,
        email=email.lower(),
        name=texts.name(f"{cells.get(FIRST_NAME, '')} {cells.get(NAME, '')}"),
        role=_ROLES[role],
        source=cells.get(SOURCE, "") or DEFAULT_SOURCE,
        organisations=organisations,
    )


def parts_of(organisations: str) -> list[str]:
    """The organisations in a cell that has several."""
    return [part.strip() for part in _SEPARATORS.split(organisations) if part.strip()]


def _plain(cell: str) -> str:
    return _NOT_A_FORMULA.sub("", cell.strip(), count=1)


def columns_of_accounts(accounts: Iterable[ListedAccount]) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    """The heading, and a row for each account, role and source. An account without any role has one row too."""
    return HEADING, (row for account in accounts for row in _rows(account))


def _rows(account: ListedAccount) -> Iterator[Sequence[str]]:
    def row(role: str, organisations: str, source: str) -> Sequence[str]:
        return (account.email, account.name or "", role, organisations, source, signed_in, revoked)

    signed_in, revoked = (
        f"{local(moment, DEFAULT_TIME_ZONE):%d/%m/%Y}" if moment else ""
        for moment in (account.signed_in_at, account.revoked_at)
    )
    if account.everywhere is not None:
        yield row(ROLE_WORDS[account.everywhere], EVERYWHERE, "")
    if account.revoked_at is not None or not (account.roles or account.everywhere):
        yield row("", "", "")
        return
    for role in Role:
        by_source: dict[str, list[str]] = {}
        for key in account.where(role):
            by_source.setdefault(key.source, []).append(key.external_id)
        for source, external_ids in by_source.items():
            yield row(ROLE_WORDS[role], ", ".join(external_ids), source)
