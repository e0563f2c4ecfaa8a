"""Organisations by the hundred, as their administrators see them.

- `own_rules`: what is set for each in `smsbot.toml`, and what is the default.
- `standing`: how it stands with each at this moment: accounts, appointments, messages, its source.
- `shortcomings`: pure: what is wrong with one, from all of this.
- `overview`: all of it together: searched, filtered, one page at a time.
"""
