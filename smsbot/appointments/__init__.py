"""Appointments and participations: what they are, how they arrive, and the one door through which they end."""
