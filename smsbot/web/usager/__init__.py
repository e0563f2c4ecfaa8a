"""What an usager sees in a browser: the pages behind the link in an SMS or e-mail, and the three legal ones."""

from smsbot.web.usager.link_pages import UsagerPages
from smsbot.web.usager.usager_page import LegalPages, Pages
from smsbot.web.usager.visit import Proofs

__all__ = ["LegalPages", "Pages", "Proofs", "UsagerPages"]
