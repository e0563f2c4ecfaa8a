"""The inbox: what people wrote and the bot could not handle, as threads, and what agents do about them."""
