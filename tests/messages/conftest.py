from __future__ import annotations

from datetime import UTC, datetime

import jinja2
import pytest

from smsbot.messages.email import EmailTexts
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment

NOW = datetime(2025, 5, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def environment() -> jinja2.Environment:
    return template_environment(now=lambda: NOW)


@pytest.fixture(scope="session")
def sms_texts(environment: jinja2.Environment) -> SmsTexts:
    return SmsTexts(environment)


@pytest.fixture(scope="session")
def email_texts(environment: jinja2.Environment) -> EmailTexts:
    return EmailTexts(environment)
