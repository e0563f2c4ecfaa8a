"""What an usager sees in a browser: the pages behind the link in an SMS or e-mail, and the three legal ones."""

from smsbot.web.usager.legal import LegalPages
from smsbot.web.usager.pages import Pages
from smsbot.web.usager.proofs import Proofs
from smsbot.web.usager.routes import UsagerPages

__all__ = ["LegalPages", "Pages", "Proofs", "UsagerPages"]
