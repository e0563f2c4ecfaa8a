"""What comes in: messages from usagers (`turn`) and events from the sources of appointments (`arrival`).

Messages come by webhook or are read back from a gateway (`catch_up`). Both ways lead through `receiving` to the turn.
"""
