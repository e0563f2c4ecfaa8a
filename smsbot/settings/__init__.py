"""The settings: environment variables that begin with `SMSBOT_`, or the same names in a file `.env`.

`Settings` is for commands that only use the database. `ServiceSettings` has everything that the service needs. Both are
composed of one class for each subject. These classes, each with its own checks, are in `service_settings`,
`peer_settings` (for the systems around the service), `web_settings` and `rule_settings`. `environment` reads the
settings, and has checks that several of these classes use.

To add a setting, add a field to the class of its subject. The variable is `SMSBOT_` and the field's name in capitals.
The description ends the sentence "it should be …", which is shown if the setting is wrong or missing. It must never
repeat the value, because many settings are secrets. Then describe the setting in `.env.example` and in
`docs/guide-operateurs.md`: tests compare them. For a new subject, write a class that inherits from
`EnvironmentSettings` and add it to `Settings` or `ServiceSettings`.

What differs between senders, organisations or motifs is not a setting: it is in `smsbot.toml` (see `smsbot.policy`).
"""

from smsbot.settings.environment import ENV_FILE, PREFIX, SettingsProblem, secret_from, written_names
from smsbot.settings.peer_settings import RdvspSettings, RdvspWebhookSettings, VonageSettings
from smsbot.settings.rule_settings import FRANCE_AND_OVERSEAS
from smsbot.settings.service_settings import ServiceSettings, Settings

__all__ = [
    "ENV_FILE",
    "FRANCE_AND_OVERSEAS",
    "PREFIX",
    "RdvspSettings",
    "RdvspWebhookSettings",
    "ServiceSettings",
    "Settings",
    "SettingsProblem",
    "VonageSettings",
    "secret_from",
    "written_names",
]
