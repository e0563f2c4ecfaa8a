"""What an usager sees in a browser: the pages behind the link in an SMS or e-mail, and the three legal ones.

`link_pages` are the pages and how one leads to the next, `usager_page` renders. What can be done there is decided in
`smsbot.appointments.link_visit`.
"""

from smsbot.web.usager.link_pages import Proofs, UsagerPages
from smsbot.web.usager.usager_page import LegalPages, Pages

__all__ = ["LegalPages", "Pages", "Proofs", "UsagerPages"]
