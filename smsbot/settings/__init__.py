"""The settings: environment variables that begin with `SMSBOT_`, or the same names in a file `.env`.

`Settings` is for commands that only use the database. `ServiceSettings` adds what the service needs. Both are made of
one class for each subject: `service_settings`, `gateway_settings`, `mail_settings`, `rdvsp_settings`, `web_settings`
and `rule_settings` hold these classes, each with its own checks. `environment` reads and refuses, and has what several
of them check.

To add a setting, add a field to the class of its subject. The variable is `SMSBOT_` and the field's name in capitals.
The description ends the sentence "it should be …", which is shown where the setting is wrong or missing; it never
repeats the value, because many are secrets. Then tell of the setting in `.env.example` and in
`docs/guide-operateurs.md`: tests compare them. For a new subject, write a class that inherits from
`EnvironmentSettings` and add it to `Settings` or `ServiceSettings`.

What differs between senders, organisations or motifs is no setting: it is in `smsbot.toml` (see `smsbot.policy`).
"""

from smsbot.settings.environment import ENV_FILE, PREFIX, SettingsProblem, secret_from, written_names
from smsbot.settings.gateway_settings import VonageSettings
from smsbot.settings.rdvsp_settings import RdvspSettings
from smsbot.settings.rule_settings import FRANCE_AND_OVERSEAS
from smsbot.settings.service_settings import ServiceSettings, Settings

__all__ = [
    "ENV_FILE",
    "FRANCE_AND_OVERSEAS",
    "PREFIX",
    "RdvspSettings",
    "ServiceSettings",
    "Settings",
    "SettingsProblem",
    "VonageSettings",
    "secret_from",
    "written_names",
]
