"""The work of the commands that need more than some lines. It is loaded only when a command needs it.

running              serves, or only delivers, until a signal says to stop
sandbox              serves with stand-ins
importing            stores the appointments of a file
cancelling           cancels one appointment, or many at once
rdvsp_operations     signs in to RDV Service Public, sets it up, reads it, and shows the state
gateway_trials       sends one SMS while somebody watches; webhook_replay reads a recorded webhook
"""
