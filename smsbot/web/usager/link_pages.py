"""The pages behind the link in an SMS or e-mail, and how one leads to the next.

    /r/{token}                 asks for the three letters; opening the link never does anything else
    /r/{token}/rdv             the appointment, with the button "Annuler le RDV" or the reason why there is none
    /r/{token}/confirmation    the question, with the motif's warning: "Oui, annuler le rendez-vous", "Non"
    /r/{token}/annule          says that it is cancelled
    /r/{token}/maintenu        says that it is kept

A GET only reads and shows the present state. Every action is a POST, which redirects to a GET (303). So reloading,
going back and prefetching do no harm, and no page is out of date.

Each page first checks four things: an unknown link (404), an appointment that is over (410), a lock (403: the letters
were wrong three times) and a pause (403: three answers had no letters in them). No path is ever logged here, because it
holds the token of the link.

A signed cookie remembers for half an hour that the right letters were given. It is a cookie and not a hidden field, so
that every page can be the answer to a GET: going back or reloading never asks whether to "submit the form again". The
cookie is `SameSite=Strict`, so that no other site can post with it, and `HttpOnly`. It holds for one participation and
the path of its pages. It has no expiry date, so that it ends with the browser on a shared computer. Opening the link
always asks for the letters again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.link_visit import LinkState, Visit, answer_letters, cancel_by_link, visit
from smsbot.instants import read_microseconds, to_microseconds
from smsbot.logs import about
from smsbot.signing import Links, Signer
from smsbot.store.database import Database
from smsbot.understanding.letters_given import LettersKind
from smsbot.web.forms import USAGER_FORM_BYTES, USAGER_FORM_FIELDS, read_form
from smsbot.web.usager.usager_page import Pages, redirect

COOKIE = "lettres"
LIFETIME = timedelta(minutes=30)
_LOOKS_EVERY = 0.2
"""Seconds between two looks whether the source has answered."""

logger = structlog.get_logger(__name__)


class FormProblem(StrEnum):
    """Why the letters are asked for again. The value is a word in the address of the page."""

    WRONG = "fausses"
    MISSING = "absentes"  # the answer had no letters in it: it is not counted as wrong
    SCRIPT = "ecriture"  # the letters are of another script than the name: neither right nor wrong
    PROOF = "encore"  # the letters were given more than half an hour ago, or the browser refuses cookies


@dataclass(frozen=True, slots=True)
class _Opened:
    """One request to a page behind a valid link. `path` is the path that its pages begin with."""

    request: Request
    visit: Visit
    path: str
    now: datetime

    @property
    def participation_id(self) -> int:
        return self.visit.participation.id


_Handler = Callable[[_Opened], Awaitable[Response]]
_Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Makes and checks the signed proof that the letters of a participation were given.

    `secret_key` is the secret key of the service.
    """

    secret_key: str = field(repr=False)

    def proof(self, participation_id: int, now: datetime) -> str:
        """The value of the cookie for this participation."""
        return self._signer.sign(participation_id, now)

    def holds(self, proof: str, participation_id: int, now: datetime) -> bool:
        """Whether `proof`, which may be any text, was made for this participation and is not too old."""
        return self._signer.read(proof, now) == participation_id

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret_key, "proof of the letters", LIFETIME)


@dataclass(frozen=True, slots=True)
class UsagerPages:
    """The pages behind the links.

    `patience` says for each connected source, by its name, how long the page after a yes waits for the source's answer.
    """

    database: Database
    door: Door
    links: Links
    proofs: Proofs
    pages: Pages
    clock: Callable[[], datetime]
    patience: Mapping[str, timedelta] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        front, behind = self._in_front, self._behind_the_letters
        return [
            Route("/r/{token}", front(self.letters), methods=["GET"]),
            Route("/r/{token}", front(self.take_letters), methods=["POST"]),
            Route("/r/{token}/rdv", behind(self.appointment), methods=["GET"]),
            Route("/r/{token}/rdv", behind(self.ask_to_cancel), methods=["POST"]),
            Route("/r/{token}/confirmation", behind(self.question), methods=["GET"]),
            Route("/r/{token}/confirmation", behind(self.take_answer), methods=["POST"]),
            Route("/r/{token}/annule", behind(self.cancelled), methods=["GET"]),
            Route("/r/{token}/maintenu", behind(self.kept), methods=["GET"]),
            Route("/r/{anything:path}", self.unknown, methods=["GET", "POST"]),
        ]

    # The letters ------------------------------------------------------------------------------------------------------

    async def letters(self, opened: _Opened) -> Response:
        told = opened.request.query_params.get("lettres")
        problem = next((known for known in FormProblem if known == told), None)
        return self.pages.about("letters", opened.visit, opened.path, problem=problem)

    async def take_letters(self, opened: _Opened) -> Response:
        text = (await read_form(opened.request, USAGER_FORM_BYTES, USAGER_FORM_FIELDS)).get("lettres", "")
        kind = await self.database.write(
            lambda connection: answer_letters(connection, self.door.terms, opened.participation_id, text, opened.now)
        )
        logger.info("letters given by link", letters=kind or "not taken", participation_id=opened.participation_id)
        if kind is LettersKind.RIGHT:
            return self._with_proof(redirect(f"{opened.path}/rdv"), opened)
        if kind is None:
            return redirect(opened.path)
        return _again(opened, _PROBLEMS[kind])

    # The appointment --------------------------------------------------------------------------------------------------

    async def appointment(self, opened: _Opened) -> Response:
        return self.pages.about("appointment", opened.visit, opened.path, after_letters=True)

    async def ask_to_cancel(self, opened: _Opened) -> Response:
        return redirect(f"{opened.path}/{'confirmation' if opened.visit.standing is LinkState.OPEN else 'rdv'}")

    # The question -----------------------------------------------------------------------------------------------------

    async def question(self, opened: _Opened) -> Response:
        if opened.visit.standing is not LinkState.OPEN:
            return redirect(f"{opened.path}/rdv")
        starts_at = opened.visit.participation.appointment.starts_at
        moved = "deplace" in opened.request.query_params
        told = {"moved": moved, "told_starts_at": to_microseconds(starts_at)}
        return self.pages.about("confirmation", opened.visit, opened.path, after_letters=True, **told)

    async def take_answer(self, opened: _Opened) -> Response:
        form = await read_form(opened.request, USAGER_FORM_BYTES, USAGER_FORM_FIELDS)
        match form.get("reponse"):
            case "non":
                return redirect(f"{opened.path}/maintenu")
            case "oui":
                return await self._cancel(opened, read_microseconds(form.get("debut", "")))
        raise HTTPException(400, "The answer is neither oui nor non.")

    async def _cancel(self, opened: _Opened, told_starts_at: datetime | None) -> Response:
        verdict = await self.database.write(
            lambda connection: cancel_by_link(
                connection, self.door, opened.participation_id, told_starts_at, opened.now
            )
        )
        logger.info("answered yes by link", verdict=verdict or "asked again", participation_id=opened.participation_id)
        match verdict:
            case None:
                return redirect(f"{opened.path}/confirmation?deplace")
            case Verdict.CANCELLED | Verdict.ALREADY:
                return redirect(f"{opened.path}/annule")
            case Verdict.REQUESTED if await self._is_cancelled_soon(opened):
                return redirect(f"{opened.path}/annule")
        return redirect(f"{opened.path}/rdv")

    async def _is_cancelled_soon(self, opened: _Opened) -> bool:
        """Wait for the answer of the source, at most for its `patience`.

        Returns whether it has cancelled in that time.
        """
        loop = asyncio.get_running_loop()
        source = opened.visit.participation.appointment.source
        deadline = loop.time() + self.patience.get(source, timedelta(0)).total_seconds()
        while loop.time() < deadline:
            await asyncio.sleep(_LOOKS_EVERY)
            seen = await self._look(opened.participation_id, self.clock())
            if seen is None or seen.standing is not LinkState.REQUESTED:
                return seen is not None and seen.standing is LinkState.CANCELLED
        return False

    async def cancelled(self, opened: _Opened) -> Response:
        if opened.visit.standing is not LinkState.CANCELLED:
            return redirect(f"{opened.path}/rdv")
        return self.pages.about("cancelled", opened.visit, opened.path, after_letters=True)

    async def kept(self, opened: _Opened) -> Response:
        if opened.visit.standing in (LinkState.CANCELLED, LinkState.REQUESTED, LinkState.TAKING_BACK):
            return redirect(f"{opened.path}/rdv")
        return self.pages.about("kept", opened.visit, opened.path, after_letters=True)

    # Checks before every page -----------------------------------------------------------------------------------------

    async def unknown(self, request: Request) -> Response:
        """The page for an unknown link.

        Telephones sometimes add a full stop or a bracket to a link. Such a link is redirected to the right one.
        """
        written = "".join(request.path_params.values())
        meant = self.links.participation_id_before_signs(written) if request.method in ("GET", "HEAD") else None
        if meant is not None and self.links.participation_id_of(written) is None:
            return redirect(self.links.path_for(meant))
        return self.pages.page("unknown", 404)

    def _in_front(self, handler: _Handler) -> _Endpoint:
        """Wraps `handler`: it is called only if the link is known, and its appointment neither over, locked nor
        paused.
        """

        async def endpoint(request: Request) -> Response:
            try:
                opened = await self._open(request)
                if opened is None:
                    return await self.unknown(request)
                if opened.visit.standing in _CLOSED:
                    name, status = _CLOSED[opened.visit.standing]
                    return self.pages.about(name, opened.visit, opened.path, status)
                try:
                    with about(opened.visit.participation.contact):
                        return await handler(opened)
                except HTTPException as problem:
                    return self.pages.about("refused", opened.visit, opened.path, problem.status_code)
            except SQLAlchemyError:
                logger.exception("an usager's page could not be shown")
                return self.pages.page("unavailable", 503)

        return endpoint

    def _behind_the_letters(self, handler: _Handler) -> _Endpoint:
        """Wraps `handler`: it is called only if the letters were given in this browser within the last half hour.

        Otherwise the page that asks for the letters is shown.
        """

        async def with_proof(opened: _Opened) -> Response:
            proof = opened.request.cookies.get(COOKIE, "")
            if not self.proofs.holds(proof, opened.participation_id, opened.now):
                return _again(opened, FormProblem.PROOF)
            return await handler(opened)

        return self._in_front(with_proof)

    async def _open(self, request: Request) -> _Opened | None:
        participation_id = self.links.participation_id_of(request.path_params["token"])
        if participation_id is None:
            return None
        now = self.clock()
        seen = await self._look(participation_id, now)
        return None if seen is None else _Opened(request, seen, self.links.path_for(participation_id), now)

    async def _look(self, participation_id: int, now: datetime) -> Visit | None:
        return await self.database.read(lambda connection: visit(connection, self.door.terms, participation_id, now))

    def _with_proof(self, response: Response, opened: _Opened) -> Response:
        response.set_cookie(
            COOKIE,
            self.proofs.proof(opened.participation_id, opened.now),
            path=opened.path,
            secure=self.links.is_https,
            httponly=True,
            samesite="strict",
        )
        return response


_PROBLEMS = {
    LettersKind.WRONG: FormProblem.WRONG,
    LettersKind.NONE: FormProblem.MISSING,
    LettersKind.OTHER_SCRIPT: FormProblem.SCRIPT,
}
_CLOSED = {LinkState.OVER: ("over", 410), LinkState.LOCKED: ("locked", 403), LinkState.PAUSED: ("paused", 403)}


def _again(opened: _Opened, problem: FormProblem) -> Response:
    """Go back to the letters.

    The fragment of the address moves keyboard and screen reader to the sentence of the problem.
    """
    return redirect(f"{opened.path}?lettres={problem}#erreur")
