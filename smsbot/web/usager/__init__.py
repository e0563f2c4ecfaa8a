"""What an usager sees in a browser: the pages behind the link in an SMS or e-mail, and the three legal ones.

`link_pages` are the pages and how one leads to the next, `visit` is what can be done there, `usager_page` renders.
"""

from smsbot.web.usager.link_pages import UsagerPages
from smsbot.web.usager.usager_page import LegalPages, Pages
from smsbot.web.usager.visit import Proofs

__all__ = ["LegalPages", "Pages", "Proofs", "UsagerPages"]
