"""Figures of the service, per organisation and month, without personal data. They stay after the purge.

`results` are the figures of a month, `counting` counts them (`comprehension` says whether a message was understood),
and `totals` adds them up. `closing` stores those of past months; then `thinning` deletes rows that nobody needs any
more. `present` is the state of the service at this moment, for `/metrics`.

Be careful with small numbers when you publish figures: one cancellation in a month in a small town may show who it was.
Inside the organisation they show nothing new, because its agents see its appointments anyway.
"""
