"""The agenda of the stand-in for RDV Service Public: its appointments, the changes to them, and the consequences.

Sources: github.com/betagouv/rdv-service-public (the rules of statuses, what a change notifies and posts) and its API's
documentation. Every change is given to `on_change`, which posts the webhooks.
"""

from __future__ import annotations

import hashlib
import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock
from typing import Any
from zoneinfo import ZoneInfo

from smsbot.demo.stand_ins.agenda_records import (
    CANCELLED,
    STATUSES,
    AgendaChange,
    AgendaParticipation,
    AgendaRdv,
    SentByAgenda,
)


@dataclass
class Agenda:
    """All appointments of one instance. Its methods may be called from any thread.

    `is_newest` is whether the JSON has the fields and times of 2026, or those of before. `is_silenced` keeps it from
    sending its own messages.
    """

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    is_newest: bool = True
    is_silenced: bool = False
    time_zone: str = "Europe/Paris"
    on_change: Callable[[AgendaChange], None] = lambda _: None
    organisations: dict[int, dict[str, Any]] = field(default_factory=dict)
    motifs: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    sent: list[SentByAgenda] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self._rdvs: dict[int, AgendaRdv] = {}
        self._by_start: list[tuple[datetime, int]] = []
        self._rdv_of: dict[int, int] = {}
        self._ids = count(1)
        self._participation_ids = count(1001)
        self.add_organisation()
        self.add_motif()

    # Its records

    def add_organisation(self, organisation_id: int = 12, **fields: Any) -> int:
        """Add an organisation; `fields` are fields of the API that replace the usual ones. Returns its id."""
        usual = {
            "name": "CCAS de Lyon",
            "phone_number": "04 72 00 00 00",
            "email": None,
            "verticale": "rdv_solidarites",
        }
        self.organisations[organisation_id] = {"id": organisation_id, **usual, **fields}
        return organisation_id

    def add_motif(self, motif_id: int = 77, **fields: Any) -> int:
        """Add a motif, as `add_organisation` does."""
        usual = {
            "name": "RSA orientation",
            "location_type": "public_office",
            "collectif": False,
            "follow_up": False,
            "bookable_by": "everyone",
            "service_id": 4,
        }
        self.motifs[motif_id] = {"id": motif_id, **usual, **fields}
        return motif_id

    def add_user(self, **fields: Any) -> int:
        """Add an usager: Sophie Dupont, unless `fields` say otherwise. Returns the id."""
        with self.lock:
            user_id: int = fields.get("id") or next(self._ids)
            usual = {
                "first_name": "Sophie",
                "last_name": "Dupont",
                "birth_name": None,
                "email": "sophie.dupont@example.org",
                "phone_number": "06 12 34 56 78",
                "phone_number_formatted": "+33612345678",
                "notify_by_sms": True,
                "notify_by_email": True,
                "responsible_id": None,
            }
            self.users[user_id] = {**usual, **fields, "id": user_id}
            return user_id

    def add(
        self,
        *users: int,
        starts_at: datetime | None = None,
        collectif: bool = False,
        organisation_id: int = 12,
        motif_id: int = 77,
        agents: Sequence[int] = (1,),
        lieu: Mapping[str, Any] | None = None,
        send_lifecycle_notifications: bool = True,
        send_reminder_notification: bool = True,
        created_at: datetime | None = None,
        quietly: bool = False,
    ) -> int:
        """Add an appointment of these usagers (by default a new one), by default in three days. Returns its id.

        With `quietly` no webhook is posted and nobody is notified, as if it had been there before.
        """
        with self.lock:
            now = self.clock()
            people = users or (self.add_user(),)
            rdv = AgendaRdv(
                id=next(self._ids),
                starts_at=(starts_at or now + timedelta(days=3)).astimezone(UTC).replace(microsecond=0),
                organisation_id=organisation_id,
                motif_id=motif_id,
                participations=[
                    AgendaParticipation(
                        next(self._participation_ids),
                        user_id,
                        send_lifecycle_notifications=send_lifecycle_notifications,
                        send_reminder_notification=send_reminder_notification,
                    )
                    for user_id in people
                ],
                created_at=created_at or (now - timedelta(days=10) if quietly else now),
                collectif=collectif,
                lieu=lieu or _LIEU,
                agents=tuple(agents),
            )
            self._rdvs[rdv.id] = rdv
            insort(self._by_start, (rdv.starts_at, rdv.id))
            self._rdv_of |= {each.id: rdv.id for each in rdv.participations}
            if not quietly:
                self._notify(rdv, rdv.participations, "created")
                self._changed(rdv, "created")
            return rdv.id

    def rdv(self, rdv_id: int) -> AgendaRdv:
        """The appointment as it is now. Raises KeyError if it was destroyed or never existed."""
        return self._rdvs[rdv_id]

    def __len__(self) -> int:
        return len(self._rdvs)

    def rdv_of(self, participation_id: int) -> AgendaRdv | None:
        """The appointment of a participation."""
        rdv_id = self._rdv_of.get(participation_id)
        return self._rdvs.get(rdv_id) if rdv_id is not None else None

    def with_ids(self, rdv_ids: Iterable[int]) -> Iterator[AgendaRdv]:
        """The appointments with these ids that exist."""
        return (self._rdvs[rdv_id] for rdv_id in rdv_ids if rdv_id in self._rdvs)

    def between(self, after: datetime | None, before: datetime | None) -> Iterator[AgendaRdv]:
        """The appointments that start between `after` and `before`, both included."""
        first = 0 if after is None else bisect_left(self._by_start, (after, 0))
        last = len(self._by_start) if before is None else bisect_right(self._by_start, (before, 1 << 62))
        for _, rdv_id in self._by_start[first:last]:
            yield self._rdvs[rdv_id]

    # What agents do there, and what our calls to the API do

    def set_status(self, participation_id: int, status: str) -> bool:
        """Give one participation a status, as an agent or the API does. If it has it already, returns False.

        Any transition is accepted. The status of the appointment follows from its participations.
        """
        assert status in STATUSES
        with self.lock:
            rdv = self._rdvs[self._rdv_of[participation_id]]
            part = next(each for each in rdv.participations if each.id == participation_id)
            if part.status == status:
                return False
            was_cancelled = part.status in CANCELLED
            part.status = status
            self._recompute(rdv)
            if status in CANCELLED and not was_cancelled:
                self._notify(rdv, [part], "cancelled")
            elif was_cancelled and status == "unknown":
                self._notify(rdv, [part], "created")
            # The change of the row posts one webhook, and the change of the status posts another.
            self._changed(rdv, "updated", times=2)
            return True

    def set_all(self, rdv_id: int, status: str) -> None:
        """An agent gives the whole appointment a status: all participations that are not cancelled get it."""
        with self.lock:
            rdv = self._rdvs[rdv_id]
            concerned = [each for each in rdv.participations if each.status not in CANCELLED and each.status != status]
            for part in concerned:
                part.status = status
            self._recompute(rdv)
            if rdv.collectif:
                rdv.status = status
            if status in CANCELLED:
                self._notify(rdv, concerned, "cancelled")
            self._changed(rdv, "updated", times=1 + len(concerned))

    def move(self, rdv_id: int, starts_at: datetime, lieu: Mapping[str, Any] | None = None) -> None:
        """An agent moves the appointment to another time, and to another place if `lieu` is given."""
        with self.lock:
            rdv = self._rdvs[rdv_id]
            self._by_start.remove((rdv.starts_at, rdv.id))
            rdv.starts_at = starts_at.astimezone(UTC).replace(microsecond=0)
            rdv.lieu = lieu or rdv.lieu
            insort(self._by_start, (rdv.starts_at, rdv.id))
            self._notify(rdv, [each for each in rdv.participations if each.status not in CANCELLED], "moved")
            self._changed(rdv, "updated")

    def destroy(self, rdv_id: int, reason: str | None = None, *, quietly: bool = False) -> None:
        """An agent deletes the appointment. With the reason `rgpd`, it is deleted for data protection."""
        with self.lock:
            rdv = self._rdvs[rdv_id]
            data = self.rdv_json(rdv)
            del self._rdvs[rdv_id]
            self._by_start.remove((rdv.starts_at, rdv.id))
            if not quietly:
                now = self.clock()
                self.on_change(AgendaChange("Rdv", "destroyed", rdv.id, rdv.organisation_id, now, reason, data))

    def add_participant(self, rdv_id: int, user_id: int) -> int:
        """An agent adds an usager, who gets the status of an individual appointment. Returns the participation's id."""
        with self.lock:
            rdv = self._rdvs[rdv_id]
            status = "unknown" if rdv.collectif else rdv.status
            part = AgendaParticipation(next(self._participation_ids), user_id, status)
            rdv.participations.append(part)
            self._rdv_of[part.id] = rdv.id
            self._changed(rdv, "updated")
            return part.id

    def remove_participant(self, participation_id: int) -> None:
        """An agent removes an usager from the appointment."""
        with self.lock:
            rdv = self._rdvs[self._rdv_of.pop(participation_id)]
            rdv.participations = [each for each in rdv.participations if each.id != participation_id]
            self._changed(rdv, "updated")

    def change_user(self, user_id: int, **fields: Any) -> None:
        """Change an usager's name, number or address. With fields of None the usager is anonymised."""
        with self.lock:
            self.users[user_id].update(fields)
            for organisation_id in self._organisations_of(user_id):
                self.on_change(AgendaChange("User", "updated", user_id, organisation_id, self.clock()))

    def merge_users(self, kept: int, merged: int) -> None:
        """Merge two records of one person: the participations of `merged` get the user `kept`."""
        with self.lock:
            for rdv in list(self._rdvs.values()):
                theirs = [each for each in rdv.participations if each.user_id == merged]
                for part in theirs:
                    part.user_id = kept
                if theirs:
                    self._changed(rdv, "updated")
            del self.users[merged]

    def destroy_user_profile(self, user_id: int, organisation_id: int, reason: str | None = "rgpd") -> None:
        """The user leaves an organisation, for example because they are erased there for data protection."""
        data = {"user": self.user_json(user_id), "organisation": self.organisations[organisation_id], "id": user_id}
        now = self.clock()
        self.on_change(AgendaChange("UserProfile", "destroyed", user_id, organisation_id, now, reason, data))

    # Its JSON

    def rdv_json(self, rdv: AgendaRdv) -> dict[str, Any]:
        """The appointment as webhooks and the API write it."""
        motif = self.motifs[rdv.motif_id]
        organisation = self.organisations[rdv.organisation_id]
        document = {
            "id": rdv.id,
            "uuid": str(uuid.UUID(int=rdv.id)),
            "status": rdv.status,
            "starts_at": self._time(rdv.starts_at),
            "ends_at": self._time(rdv.starts_at + timedelta(minutes=rdv.minutes)),
            "duration_in_min": rdv.minutes,
            "address": (rdv.lieu or {}).get("address"),
            "context": "un contexte confidentiel",
            "cancelled_at": None if rdv.cancelled_at is None else self._time(rdv.cancelled_at),
            "max_participants_count": rdv.seats,
            "users_count": sum(each.status not in CANCELLED for each in rdv.participations),
            "name": None,
            "collectif": rdv.collectif,
            "created_by": "agent",
            "created_by_type": "Agent",
            "created_by_id": 1,
            "organisation": organisation,
            "motif": motif | {"collectif": rdv.collectif},
            "lieu": rdv.lieu,
            "agents": [{"id": each, "first_name": "Alix", "last_name": f"Agent {each}"} for each in rdv.agents],
            "users": [self.user_json(each.user_id) for each in rdv.participations],
            "participations": [
                {
                    "id": each.id,
                    "status": each.status,
                    "send_lifecycle_notifications": each.send_lifecycle_notifications,
                    "send_reminder_notification": each.send_reminder_notification,
                    "created_by": "agent",
                    "user": self.user_json(each.user_id),
                }
                for each in rdv.participations
            ],
        }
        if self.is_newest:
            document |= {
                "created_at": self._time(rdv.created_at),
                "url_for_agents": f"https://rdv.example.fr/admin/organisations/{rdv.organisation_id}/rdvs/{rdv.id}",
                "time_zone": self.time_zone,
                "visio_url": None,
            }
        return document

    def user_json(self, user_id: int) -> dict[str, Any] | None:
        """An usager as webhooks and the API write them; None if they were deleted."""
        user = self.users.get(user_id)
        if user is None:
            return None
        responsible = user["responsible_id"]
        return user | {"responsible": None if responsible is None else self.user_json(responsible)}

    def data_of(self, change: AgendaChange) -> Mapping[str, Any] | None:
        """The data of a webhook about this change, as of now; None if the record was deleted meanwhile."""
        if change.data is not None:
            return change.data
        with self.lock:
            if change.model == "User":
                return self.user_json(change.record_id)
            rdv = self._rdvs.get(change.record_id)
            return None if rdv is None else self.rdv_json(rdv)

    def all_of(self, organisation_id: int, subscriptions: Collection[str]) -> list[AgendaChange]:
        """All records of an organisation as if they were created now: a new or changed endpoint gets these."""
        with self.lock:
            now = self.clock()
            rdvs = [rdv for rdv in self._rdvs.values() if rdv.organisation_id == organisation_id]
            users = dict.fromkeys(part.user_id for rdv in rdvs for part in rdv.participations)
        changes: list[AgendaChange] = []
        if "rdv" in subscriptions:
            changes += (AgendaChange("Rdv", "created", rdv.id, organisation_id, now) for rdv in rdvs)
        if "user" in subscriptions:
            changes += (AgendaChange("User", "created", each, organisation_id, now) for each in users)
        return changes

    def rows(self, rdvs: Iterable[AgendaRdv], salt: int = 0) -> list[AgendaRdv]:
        """The rows of a list: in no useful order, and once for each agent. Another `salt` gives another order."""
        rows = [rdv for rdv in rdvs for _ in rdv.agents]
        return sorted(rows, key=lambda rdv: hashlib.blake2b(b"%d %d %d" % (salt, rdv.id, rdv.written)).digest())

    def _organisations_of(self, user_id: int) -> list[int]:
        wards = {each for each, user in self.users.items() if user_id in (each, user["responsible_id"])}
        rdvs = self._rdvs.values()
        found = (rdv.organisation_id for rdv in rdvs if any(part.user_id in wards for part in rdv.participations))
        return list(dict.fromkeys(found)) or [next(iter(self.organisations))]

    def _recompute(self, rdv: AgendaRdv) -> None:
        statuses = {each.status for each in rdv.participations}
        if "seen" in statuses:
            rdv.status = "seen"
        elif not rdv.collectif:
            rdv.status = statuses.pop() if len(statuses) == 1 else "unknown"
        rdv.cancelled_at = None if rdv.status in ("seen", "unknown") else self.clock()

    def _notify(self, rdv: AgendaRdv, parts: Iterable[AgendaParticipation], about: str) -> None:
        """Record the e-mails and SMS that RDV Service Public itself sends to usagers."""
        if self.is_silenced or rdv.starts_at <= self.clock():
            return
        for part in parts:
            user = self.users.get(part.user_id, {})
            reached = self.users.get(user.get("responsible_id") or part.user_id, {})
            if not part.send_lifecycle_notifications:
                continue
            if reached.get("notify_by_email") and reached.get("email"):
                self.sent.append(SentByAgenda("email", about, rdv.id, part.id))
            if reached.get("notify_by_sms") and reached.get("phone_number_formatted"):
                self.sent.append(SentByAgenda("sms", about, rdv.id, part.id))

    def _changed(self, rdv: AgendaRdv, event: str, times: int = 1) -> None:
        rdv.written += 1
        now = self.clock()
        for _ in range(times):
            self.on_change(AgendaChange("Rdv", event, rdv.id, rdv.organisation_id, now))

    def _time(self, moment: datetime) -> str:
        local = moment.astimezone(ZoneInfo(self.time_zone))
        return local.isoformat(timespec="seconds") if self.is_newest else local.strftime("%Y-%m-%d %H:%M:%S %z")


_LIEU = {"id": 5, "name": "Mairie du 1er", "address": "1 place de la Comédie", "phone_number": "04 72 11 11 11"}
