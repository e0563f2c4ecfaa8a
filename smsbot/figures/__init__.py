"""Figures of the service, per organisation and month, without persons in them. They are kept after the purge.

`results` are the figures of a month, `counting` counts them (`comprehension` says whether a message was understood),
and `totals` adds them up. `closing` keeps those of past months, after which `thinning` deletes rows that nobody needs.
`present` is how the service stands at this moment, for `/metrics`.

Be careful with small numbers when you publish them: one cancellation in a month of a small town hall may point to
somebody whom the town knows. Inside the organisation they tell nothing new, because its agents see its appointments
anyway.
"""
