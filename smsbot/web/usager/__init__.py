"""What an usager sees in a browser: the pages behind the link in an SMS or e-mail, and the three legal ones."""

from smsbot.web.usager.legal_pages import LegalPages
from smsbot.web.usager.link_pages import UsagerPages
from smsbot.web.usager.proofs import Proofs
from smsbot.web.usager.usager_page import Pages

__all__ = ["LegalPages", "Pages", "Proofs", "UsagerPages"]
