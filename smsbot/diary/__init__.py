"""What agents look up: appointments, who takes part, and the messages to and from them.

For the console: `day_list` is the list of appointments that a `diary_query` asks for (`day_file` writes it as CSV,
`matters` are the places and labels to choose from). `entries` has what agents see of an appointment, `dossier` one
appointment with its messages, and `sending_again` sends a failed message again. `appointments_in_reach` and
`messages_in_reach` are the lists of the API. `calendar_feeds` is what calendar programs read.
"""
