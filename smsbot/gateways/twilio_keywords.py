"""The words that Twilio itself takes for STOP, START and HELP, and answers, on numbers where it handles opt-outs.

Source: twilio.com/docs/messaging/tutorials/advanced-opt-out and help.twilio.com "Twilio support for opt-out keywords";
alone in a message, in capitals or not. With Advanced Opt-Out the webhook says so itself, in `OptOutType`.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "STOP"),
    **dict.fromkeys(("START", "UNSTOP", "YES"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
