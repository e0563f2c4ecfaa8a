"""Appointments as they are stored, and everything that can happen to them.

appointment               what an appointment, a participation and an organisation are
participation_queries     reads participations, or holds them for whoever decides about them
terms                     what `smsbot.toml` says of one: notice, label, telephone, warning
cancellation              the one door through which a participation is cancelled here
undoing                   takes a cancellation back, for the agent or the usager who cancelled
requests                  asks a connected source to cancel
taking_back_requests      asks a connected source to take a cancellation back
request_attempts          carries out these requests: leases, attempts and outcomes
announcing                notes that an usager has said that they come
link_visit                what an usager may do who comes by the link in a message
locks                     counts wrong answers, locks the cancelling, and forgets both
erasure                   erases what is known of people
audit                     who did what, and when
intake/                   stores what sources say
"""
