"""Organisations by the hundred, as their administrators see them and as the API lists them.

- `own_rules`: what is set for each in `smsbot.toml`, and what is the default.
- `standing`: the present facts about each: accounts, appointments, messages, its source.
- `shortcomings`: pure: what is wrong with one, according to all of this.
- `overview`: all of this together: searched, filtered, one page at a time.
- `organisations_in_reach`: the list of the API.
"""
