"""The inbox: what people wrote and the bot could not handle, in threads, and what agents do about them.

threads          what one telephone wrote to one number about one organisation
thread_list      which threads are wanted, in which order, a page at a time
waiting_counts   how many threads wait
handling         an agent holds, answers, closes, puts off or hands over a thread
putting_off      pure: when a thread comes back that was put off
notes            what agents note for their colleagues
answering        an answer while it is typed, and the message that it becomes
ready_answers    texts that an organisation keeps for its answers, and the facts of an appointment that they may tell
alerts           an organisation is told by e-mail that messages wait
"""
