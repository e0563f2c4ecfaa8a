"""The agents' console: signing in, the list of appointments, one appointment, the inbox, the figures.

`routing` lists all pages. `guard` decides who may see a page, and `console_page` renders it. `pages_apart` lets a
second process make the pages that change nothing. Each other module has the pages of one subject:

- `sign_in_pages`
- appointments: `appointment_pages`, `batch_pages` for many at once, `calendar_pages`
- the inbox: `inbox_pages` for the list, `thread_pages`, `ready_answer_pages`
- `figures_pages`
- administration: `account_pages`, `account_import_pages`, `service_account_pages`, `organisation_pages`,
  `personal_data_pages`
"""

from smsbot.web.console.routing import Console

__all__ = ["Console"]
