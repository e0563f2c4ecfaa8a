"""The page on which the agents of an organisation make, change and remove its ready answers.

/agents/reponses                      the ready answers of one organisation, with the form to add one
/agents/reponses/{id}                 changes a ready answer
/agents/reponses/{id}/suppression     removes a ready answer
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, read_id, row_id
from smsbot.inbox.ready_answers import (
    FACTS,
    MOST_CHARACTERS_OF_A_TEXT,
    MOST_CHARACTERS_OF_A_TITLE,
    AlreadyThere,
    ChangedMeanwhile,
    TooManyAnswers,
    add_answer,
    answers_of,
    change_answer,
    remove_answer,
)
from smsbot.messages.fitting import one_line
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard

_DONE = ("ajoutee", "modifiee", "supprimee")
_PROBLEMS: dict[type[Exception], tuple[str, int]] = {
    AlreadyThere: ("titre", 422),
    TooManyAnswers: ("trop", 422),
    ChangedMeanwhile: ("entre-temps", 409),
}


@dataclass(frozen=True, slots=True)
class ReadyAnswerPages:
    """The page of ready answers. Every agent may use it, in each of their organisations."""

    guard: Guard
    pages: ConsolePages

    def routes(self) -> list[Route]:
        page, post = self.guard.agents, self.guard.agents_posting
        return [
            Route(f"{PATH}/reponses", page(self.list), methods=["GET"]),
            Route(f"{PATH}/reponses", post(self.add), methods=["POST"]),
            Route(f"{PATH}/reponses/{{id}}", post(self.change), methods=["POST"]),
            Route(f"{PATH}/reponses/{{id}}/suppression", post(self.remove), methods=["POST"]),
        ]

    def list(self, request: AgentRequest) -> Response:
        done = next((word for word in _DONE if word in request.query), None)
        asked = request.query.get("organisation", "")
        return self._page(request, row_id(asked) if asked else None, done=done)

    def add(self, request: AgentRequest, form: Fields) -> Response:
        organisation_id, title, text = row_id(form.get("organisation", "")), _title(form), _text(form)

        def keep() -> None:
            add_answer(request.connection, request.agent, organisation_id, title, text)

        return self._done(request, organisation_id, form, keep, "ajoutee")

    def change(self, request: AgentRequest, form: Fields) -> Response:
        organisation_id, title, text = row_id(form.get("organisation", "")), _title(form), _text(form)
        answer_id, version = request.id, _version(form)

        def keep() -> None:
            change_answer(request.connection, request.agent, organisation_id, answer_id, version, title, text)

        return self._done(request, organisation_id, form, keep, "modifiee", answer_id)

    def remove(self, request: AgentRequest, form: Fields) -> Response:
        organisation_id, answer_id, version = row_id(form.get("organisation", "")), request.id, _version(form)
        try:
            remove_answer(request.connection, request.agent, organisation_id, answer_id, version)
        except ChangedMeanwhile:
            return self._page(request, organisation_id, 409, problem="entre-temps")
        return self.pages.redirect(f"/reponses?organisation={organisation_id}&supprimee")

    # Underneath -------------------------------------------------------------------------------------------------------

    def _done(
        self,
        request: AgentRequest,
        organisation_id: int,
        form: Fields,
        keep: Callable[[], None],
        done: str,
        answer_id: int | None = None,
    ) -> Response:
        """Store what was typed with `keep`. If something is wrong with it, show the form again and say what."""
        title, text = _title(form), _text(form)
        problem, status = None, 422
        if not title or not text:
            problem = "vide"
        elif len(title) > MOST_CHARACTERS_OF_A_TITLE or len(text) > MOST_CHARACTERS_OF_A_TEXT:
            problem = "long"
        else:
            try:
                keep()
            except (AlreadyThere, TooManyAnswers, ChangedMeanwhile) as refused:
                problem, status = _PROBLEMS[type(refused)]
        if problem is None:
            return self.pages.redirect(f"/reponses?organisation={organisation_id}&{done}")
        typed = {"titre": title, "texte": text, "id": answer_id}
        return self._page(request, organisation_id, status, problem=problem, typed=typed)

    def _page(
        self, request: AgentRequest, organisation_id: int | None, status: int = 200, **values: object
    ) -> Response:
        """The ready answers of this organisation (our id), or of the agent's first one. Raises OutOfReach."""
        organisations = organisations_of(request.connection, request.agent)
        chosen = _choose(organisations, organisation_id)
        return self.pages.page(
            "ready_answers",
            request,
            status,
            organisations=organisations,
            chosen=chosen,
            answers=answers_of(request.connection, chosen.id) if chosen is not None else (),
            facts=FACTS,
            most_of_a_title=MOST_CHARACTERS_OF_A_TITLE,
            most_of_a_text=MOST_CHARACTERS_OF_A_TEXT,
            **values,
        )


def _choose(organisations: list[KnownOrganisation], organisation_id: int | None) -> KnownOrganisation | None:
    if organisation_id is None:
        return next(iter(organisations), None)
    for each in organisations:
        if each.id == organisation_id:
            return each
    raise OutOfReach("no such organisation")


def _title(form: Fields) -> str:
    return one_line(form.get("titre", ""))


def _text(form: Fields) -> str:
    return form.get("texte", "").replace("\r\n", "\n").strip()


def _version(form: Fields) -> int:
    return read_id(form.get("version", "")) or 0
