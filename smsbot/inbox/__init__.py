"""The inbox: what people wrote and the bot could not handle, in threads, and what agents do about them."""
