"""What agents look up: appointments, who takes part, and the messages to and from them."""
