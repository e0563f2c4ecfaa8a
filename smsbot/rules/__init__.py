"""The rules of the field as pure functions: no database, no clock, no language.

`deadline` is the four-hour rule, `letters` the three letters of the surname, `lock` the three wrong answers,
`quiet_hours` the night in which nothing unasked is sent, `rate_limit` how fast a sender may send.
"""
