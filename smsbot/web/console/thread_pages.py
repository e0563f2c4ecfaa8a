"""The pages of one thread of the inbox, and what an agent does about it.

    /agents/messages/{id}                   one thread, with the form to answer it
    /agents/messages/{id}/suivant           goes to the next thread of the list
    /agents/messages/{id}/prise, /rendu     the agent holds the thread ("Je m'en occupe"), or lets it go
    /agents/messages/{id}/reponse           fills in a ready answer, shows an answer before it is sent, or sends it
    /agents/messages/{id}/fin, /reouverture marks the thread as done, or as not done
    /agents/messages/{id}/plus-tard, /retour    puts the thread off, or brings it back
    /agents/messages/{id}/relais            hands the thread over to a colleague
    /agents/messages/{id}/note              writes a note for colleagues, or removes one
    /agents/messages/compte and /{id}/direct    what the script asks for

Answer and note are in one form, so that sending one does not lose what was typed in the other. An answer leaves from
the number to which the person wrote. If the person has sent STOP, it goes by e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import OutOfReach, colleagues, row_id
from smsbot.appointments.terms import TermsBook
from smsbot.diary.dossier import Line, ReceivedMessage, correspondence_with
from smsbot.inbox.answering import MOST_SEGMENTS, AnswerWriter, Draft
from smsbot.inbox.handling import (
    MOST_CHARACTERS_OF_A_NOTE,
    Overtaken,
    add_note,
    bring_back,
    close,
    hand_over,
    hold_thread,
    lock_open_thread,
    lock_thread,
    notes_of,
    put_off,
    release,
    remove_note,
    reopen,
    send_answer,
)
from smsbot.inbox.putting_off import MOST_DAYS_AHEAD, Later, choices, comes_back_at
from smsbot.inbox.ready_answers import ReadyAnswer, answer_facts, answers_of, fill_in, left_open
from smsbot.inbox.thread_queries import open_thread, read_thread
from smsbot.inbox.threads import OpenThread, Seen, Thread
from smsbot.logs import about
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, Visitor
from smsbot.web.console.guard import Fields, Guard, PageAnswer
from smsbot.web.console.inbox_pages import address, address_of_next, asked_for, just_done, position_in_list
from smsbot.web.console.sign_in_pages import SigningIn

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ThreadPages:
    """The pages of one thread. `segment_price` is in euros, None if it is not set."""

    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails
    answers: AnswerWriter
    signing_in: SigningIn
    terms_book: TermsBook
    segment_price: Decimal | None

    def routes(self) -> list[Route]:
        page, post, listen = self.guard.agents, self.guard.agents_posting, self.guard.agents_listening
        one = f"{PATH}/messages/{{id}}"
        return [
            Route(f"{PATH}/messages/compte", post(self.count, writes=False), methods=["POST"]),
            Route(one, page(self.thread), methods=["GET"]),
            Route(f"{one}/direct", listen(self.thread_now), methods=["GET"]),
            Route(f"{one}/suivant", page(self.following), methods=["GET"]),
            Route(f"{one}/prise", post(self.take), methods=["POST"]),
            Route(f"{one}/rendu", post(self.release), methods=["POST"]),
            Route(f"{one}/reponse", post(self.answer, out_of_time=self.answer_late), methods=["POST"]),
            Route(f"{one}/fin", post(self.close), methods=["POST"]),
            Route(f"{one}/reouverture", post(self.reopen), methods=["POST"]),
            Route(f"{one}/plus-tard", post(self.put_off), methods=["POST"]),
            Route(f"{one}/retour", post(self.bring_back), methods=["POST"]),
            Route(f"{one}/relais", post(self.hand_over), methods=["POST"]),
            Route(f"{one}/note", post(self.note, out_of_time=self.answer_late), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    def thread(self, request: AgentRequest) -> Response:
        return self._page(request, open_thread(request.connection, request.agent, request.id))

    def following(self, request: AgentRequest) -> Response:
        """Go to the next thread of the list. This one stays as it is."""
        thread = read_thread(request.connection, request.agent, request.id)
        return self.pages.redirect(address_of_next(request, position_in_list(request, thread)))

    def thread_now(self, request: AgentRequest) -> Response:
        thread = read_thread(request.connection, request.agent, request.id)
        return self.pages.part("_thread_now", request, **_now(request, thread))

    def count(self, request: AgentRequest, form: Fields) -> Response:
        return self.pages.part(
            "_count",
            request,
            draft=Draft.of(form.get("texte", "")),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
        )

    # Doing ------------------------------------------------------------------------------------------------------------

    def take(self, request: AgentRequest, form: Fields) -> Response:
        thread = lock_thread(request.connection, request.agent, request.id)
        try:
            hold_thread(request.connection, thread, request.agent, request.now, over=form.get("reprendre") == "oui")
        except Overtaken:
            return self.pages.redirect(address(request, request.id))
        return self._typed(request, form) or self.pages.redirect(f"{address(request, request.id)}#texte")

    def release(self, request: AgentRequest, _form: Fields) -> Response:
        release(request.connection, lock_thread(request.connection, request.agent, request.id), request.agent)
        return self.pages.redirect(address(request))

    def answer(self, request: AgentRequest, form: Fields) -> PageAnswer:
        draft, note, seen = Draft.of(form.get("texte", "")), _note(form), _seen(form)
        opened = lock_open_thread(request.connection, request.agent, request.id)
        chosen, button = form.get("modele", ""), form.get("bouton")
        is_only_chosen = bool(chosen) and not draft.typed.strip()
        if button == "modele" or is_only_chosen:
            draft = self._with_ready_answer(request, opened.thread, draft, chosen)
        if button == "modele":
            return self._page(request, _still_at_it(request, opened), draft=draft, note=note, seen=seen)
        by_mail = opened.opted_out
        mail_address = form.get("adresse", "")
        problem = _problem(draft, by_mail=by_mail)
        if by_mail and mail_address not in opened.emails:
            problem = "adresse"
        if button == "envoyer" and is_only_chosen and problem is None:
            problem = "modele"  # the agent has not read the text of the ready answer yet
        if problem is None and len(note) > MOST_CHARACTERS_OF_A_NOTE:
            problem = "note"
        if problem is not None:
            return self._page(request, opened, 422, draft=draft, note=note, problem=problem)
        to = mail_address if by_mail else None
        message = self.answers.message(request.connection, opened, request.agent, draft, to, request.now)
        if button != "envoyer":
            still = _still_at_it(request, opened)
            return self._page(request, still, draft=draft, note=note, seen=seen, preview=message)
        position = position_in_list(request, opened.thread)
        try:
            send_answer(request.connection, opened, request.agent, message, seen, request.now)
        except Overtaken as problem_then:
            return self._page(
                request, opened, 409, draft=draft, note=note, overtaken=True, overtaken_by=problem_then.by
            )
        if note:
            add_note(request.connection, opened.thread, request.agent, note, request.now)
        where = address_of_next(request, position, "repondu-et-note" if note else "repondu")
        return partial(self._answered, message, where)

    async def _answered(self, message: OutgoingMessage, where: str) -> Response:
        with about(message.recipient):
            logger.info("answered from the console", channel=message.channel, agent_id=message.agent_id)
        return self.pages.redirect(where)

    def answer_late(self, visitor: Visitor, form: Fields) -> Response:
        """Show what was typed again, after signing in. The session had ended before the answer was sent."""
        if not isinstance(visitor, AgentRequest):
            return self.signing_in.with_answer(visitor, visitor.id, form.get("texte", ""), _note(form))
        opened = open_thread(visitor.connection, visitor.agent, visitor.id)
        draft = Draft.of(form.get("texte", ""))
        return self._page(visitor, opened, 403, draft=draft, note=_note(form), problem="session")

    def close(self, request: AgentRequest, form: Fields) -> Response:
        seen = _seen(form)
        thread = lock_thread(request.connection, request.agent, request.id)
        position = position_in_list(request, thread)
        try:
            close(request.connection, thread, request.agent, seen, request.now)
        except Overtaken as problem:
            return self._overtaken(request, problem)
        return self.pages.redirect(address_of_next(request, position, "fini"))

    def reopen(self, request: AgentRequest, _form: Fields) -> Response:
        reopen(request.connection, request.agent, request.id)
        return self.pages.redirect(address(request, request.id))

    def put_off(self, request: AgentRequest, form: Fields) -> Response:
        seen, known_until = _seen(form), _moment(form.get("mis-de-cote", ""))
        thread = lock_thread(request.connection, request.agent, request.id)
        until = _until(form, request.now, thread.time_zone)
        if until is None:
            opened = open_thread(request.connection, request.agent, request.id)
            return self._page(request, opened, 422, problem="jour", later=form.get("quand", ""))
        position = position_in_list(request, thread)
        try:
            put_off(request.connection, thread, request.agent, seen, until, request.now, known_until)
        except Overtaken as problem:
            return self._overtaken(request, problem)
        return self.pages.redirect(address_of_next(request, position, "plus-tard"))

    def bring_back(self, request: AgentRequest, _form: Fields) -> Response:
        bring_back(request.connection, lock_thread(request.connection, request.agent, request.id))
        return self.pages.redirect(address(request, request.id))

    def hand_over(self, request: AgentRequest, form: Fields) -> Response:
        colleague_id = row_id(form.get("collegue", ""))
        thread = lock_thread(request.connection, request.agent, request.id)
        known = colleagues(request.connection, request.agent, thread.organisation_id)
        colleague = next((each for each in known if each.id == colleague_id), None)
        if colleague is None:
            raise OutOfReach("no such colleague")
        position = position_in_list(request, thread)
        try:
            hand_over(request.connection, thread, request.agent, colleague)
        except Overtaken as problem:
            return self._overtaken(request, problem)
        message = self.agent_emails.handed_over(colleague, request.agent, [request.id])
        enqueue(request.connection, message, request.now)
        return self.pages.redirect(address_of_next(request, position, "confie"))

    def note(self, request: AgentRequest, form: Fields) -> Response:
        thread = lock_thread(request.connection, request.agent, request.id)
        if form.get("bouton") == "retirer":
            remove_note(request.connection, thread, request.agent, row_id(form.get("note", "")))
            return self.pages.redirect(f"{address(request, request.id)}#notes")
        text = _note(form)
        if not text or len(text) > MOST_CHARACTERS_OF_A_NOTE:
            opened = open_thread(request.connection, request.agent, request.id)
            return self._page(request, opened, 422, draft=_draft(form), problem="note", note=text)
        add_note(request.connection, thread, request.agent, text, request.now)
        return self._typed(request, form, done="note") or self.pages.redirect(address(request, request.id, "note"))

    # Underneath -------------------------------------------------------------------------------------------------------

    def _typed(self, request: AgentRequest, form: Fields, done: str | None = None) -> Response | None:
        """The thread's page with the answer that was typed and not sent, or None if none was typed.

        A note that was typed stays in its field, unless `done` says that it was just stored.
        """
        draft = _draft(form)
        note = "" if done else _note(form)
        if draft is None and not note:
            return None
        opened = open_thread(request.connection, request.agent, request.id)
        return self._page(request, opened, draft=draft, note=note, done=done)

    def _ready_answers(self, request: AgentRequest, thread: Thread) -> Sequence[ReadyAnswer]:
        """The ready answers of the thread's organisation, filled in with the facts of its appointment."""
        kept = answers_of(request.connection, thread.organisation_id)
        if not kept:
            return ()
        facts = answer_facts(request.connection, self.terms_book, thread, request.now)
        return [replace(each, text=fill_in(each.text, facts)) for each in kept]

    def _with_ready_answer(self, request: AgentRequest, thread: Thread, draft: Draft, chosen: str) -> Draft:
        """The answer that was typed, followed by the chosen ready answer."""
        for each in self._ready_answers(request, thread):
            if str(each.id) == chosen:
                return Draft.of("\n".join(part for part in (draft.typed.rstrip(), each.text) if part))
        return draft

    def _overtaken(self, request: AgentRequest, problem: Overtaken) -> Response:
        opened = open_thread(request.connection, request.agent, request.id)
        return self._page(request, opened, 409, overtaken=True, overtaken_by=problem.by)

    def _page(
        self,
        request: AgentRequest,
        opened: OpenThread,
        status: int = 200,
        *,
        draft: Draft | None = None,
        seen: Seen | None = None,
        done: str | None = None,
        **values: object,
    ) -> Response:
        """The thread's page. `seen` is what the agent has seen so far, if the page now shows more than that."""
        thread = opened.thread
        is_free = thread.waiting and thread.holder(request.now) in (None, request.agent)
        is_writing = draft is not None or is_free or ("ecrire" in request.query and not thread.waiting)
        return self.pages.page(
            "thread",
            request,
            status,
            opened=opened,
            colleagues=colleagues(request.connection, request.agent, thread.organisation_id),
            is_writing=is_writing,
            ready_answers=self._ready_answers(request, thread) if is_writing else (),
            draft=draft,
            left_open=left_open(draft.typed) if draft is not None else (),
            seen=(seen or opened.seen).written(),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
            choices=choices(request.now, thread.time_zone),
            most_days_ahead=MOST_DAYS_AHEAD,
            most_of_a_note=MOST_CHARACTERS_OF_A_NOTE,
            parameters=urlencode(asked_for(request).parameters),
            **_now(request, thread),
            done=done or just_done(request),
            **values,
        )


LEAST_SHOWN = 3
"""How many of the newest messages of a conversation are always shown. Older ones may be folded away."""


def _now(request: AgentRequest, thread: Thread) -> dict[str, Any]:
    """The values for the part of the page that the script keeps up to date."""
    earlier, lines = folded(correspondence_with(request.connection, request.agent, request.now, phone=thread.phone))
    return {"thread": thread, "earlier": earlier, "lines": lines, "notes": notes_of(request.connection, thread)}


def folded(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """The two parts of a conversation: the older lines, which are folded away, and the lines that are shown.

    Shown are the newest `LEAST_SHOWN` lines, and all lines from the first message on that still waits for an answer. So
    the form for the answer is near the top of the page even if the conversation is long.
    """
    newest = len(lines) - LEAST_SHOWN
    waits = (index for index, line in enumerate(lines) if isinstance(line, ReceivedMessage) and line.is_waiting)
    first = next(waits, newest)
    start = max(min(first, newest), 0)
    return lines[:start], lines[start:]


def _still_at_it(request: AgentRequest, opened: OpenThread) -> OpenThread:
    """Prolong the agent's hold on the thread. If a colleague holds it by now, the agent is told so when sending."""
    try:
        thread = hold_thread(request.connection, opened.thread, request.agent, request.now)
    except Overtaken:
        return opened
    return replace(opened, thread=thread)


def _problem(draft: Draft, *, by_mail: bool) -> str | None:
    """Why the answer cannot be sent, as a word for the template, or None if it can."""
    problem = ("vide" if not draft.typed.strip() else None) if by_mail else draft.problem
    return problem or ("trou" if left_open(draft.typed) else None)


def _until(form: Fields, now: datetime, time_zone: str) -> datetime | None:
    """When the agent wants the thread back (UTC), or None if the form has no time that is possible."""
    later = next((each for each in Later if each == form.get("quand")), None)
    try:
        day = date.fromisoformat(form.get("jour", ""))
    except ValueError:
        day = None
    return None if later is None else comes_back_at(later, day, now, time_zone)


def _moment(text: str) -> datetime | None:
    """The moment that the page has written into a hidden field, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _draft(form: Fields) -> Draft | None:
    """The answer in a form, or None if none was typed."""
    draft = Draft.of(form.get("texte", ""))
    return draft if draft.typed.strip() else None


def _note(form: Fields) -> str:
    """The note for colleagues in a form. The same form has the answer."""
    return form.get("mot", "").strip()


def _seen(form: Fields) -> Seen:
    seen = Seen.read(form.get("vu", ""))
    if seen is None:
        raise HTTPException(400)
    return seen
