"""What the API answers about a batch: what it would do, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from smsbot.agents.appointment_actions import (
    public_appointment_id,
)
from smsbot.batches.choosing import BatchForetold
from smsbot.batches.records import BatchAct, BatchOutcome, BatchRecord, BatchState
from smsbot.web.api.resources import ApiResource


class BatchItemResource(ApiResource):
    """One appointment of a batch. `outcome` is null until it is done."""

    appointment_id: Annotated[str, Field(examples=["rdv-12"])]
    outcome: BatchOutcome | None
    done_at: datetime | None


class BatchResource(ApiResource):
    """Many appointments at once. They are done one after the other, at the rate of the sender."""

    id: Annotated[str, Field(examples=["batch-3"])]
    act: BatchAct
    state: Annotated[BatchState, Field(description="`stopped`: appointments not done by then stay as they are.")]
    word: str | None
    begins_at: datetime
    finished_at: datetime | None
    appointments: tuple[BatchItemResource, ...]


class ForetoldResource(ApiResource):
    """What the people of one appointment would get. `unreached` of them would get nothing."""

    appointment_id: Annotated[str, Field(examples=["rdv-12"])]
    people: int
    sms: int
    segments: int
    emails: int
    unreached: int


class BatchPreview(ApiResource):
    """What a batch would do, without doing it."""

    appointments: tuple[ForetoldResource, ...]
    people: int
    sms: int
    segments: int
    emails: int
    unreached: int
    example: Annotated[str | None, Field(description="The text of the first SMS.")]


def batch_resource(batch: BatchRecord) -> BatchResource:
    """The batch for the answer."""
    return BatchResource(
        id=f"batch-{batch.id}",
        act=batch.act,
        state=batch.state,
        word=batch.word,
        begins_at=batch.begins_at,
        finished_at=batch.finished_at,
        appointments=tuple(
            BatchItemResource(
                appointment_id=public_appointment_id(each.appointment_id), outcome=each.outcome, done_at=each.done_at
            )
            for each in batch.items
        ),
    )


def batch_preview(foretold: BatchForetold) -> BatchPreview:
    """What a batch would do, for the answer."""
    return BatchPreview(
        appointments=tuple(
            ForetoldResource(
                appointment_id=public_appointment_id(each.entry.appointment.id),
                people=len(each.people),
                sms=len(each.sms),
                segments=sum(segments for _, segments in each.sms),
                emails=each.emails,
                unreached=len(each.unreached),
            )
            for each in foretold.each
        ),
        people=foretold.people,
        sms=foretold.sms,
        segments=foretold.segments,
        emails=foretold.emails,
        unreached=foretold.unreached,
        example=foretold.example,
    )
