"""Appointments as they are stored, and everything that can happen to them.

appointment               what an appointment, a participation and an organisation are
queries                   how they are read
terms                     what `smsbot.toml` says of one: notice, label, telephone, warning
cancellation              the one door through which a participation is cancelled here
locks                     wrong answers counted, cancelling locked, and both forgotten
erasure                   what is known of people, erased
audit                     who did what, and when
intake/                   what sources say, worked in
"""
