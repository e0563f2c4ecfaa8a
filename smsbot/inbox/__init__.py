"""The inbox: threads of messages that the bot could not handle, and what agents do with them.

threads          what one telephone wrote to one number about one organisation
thread_list      the list of threads: filtered, sorted, a page at a time
waiting_counts   how many threads wait
handling         an agent holds, answers, closes, puts off or hands over a thread
putting_off      pure: when a thread that was put off comes back
notes            what agents note for their colleagues
answering        an answer while it is typed, and the message that it becomes
ready_answers    texts that an organisation keeps for its answers, and the facts of an appointment in them
alerts           e-mails that tell an organisation that messages wait
"""
