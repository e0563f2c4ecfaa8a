"""What whoever works on smsbot runs by hand: `./dev run python -m tools.…`."""
