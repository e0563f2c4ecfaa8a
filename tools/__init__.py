"""Programs that developers of smsbot run by hand: `./dev run python -m tools.…`."""
