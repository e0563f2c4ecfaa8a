"""The inbox: threads of messages that the bot could not handle, and what agents do with them.

threads          what one telephone wrote to one number about one organisation
thread_queries   reads threads
thread_list      the list of threads that an `inbox_query` asks for: filtered, sorted, counted, a page at a time
handling         an agent holds, answers, closes, puts off or hands over a thread, or notes something for colleagues
putting_off      pure: when a thread that was put off comes back
answering        an answer while it is typed, and the message that it becomes
ready_answers    texts that an organisation keeps for its answers, and the facts of an appointment in them
alerts           e-mails that tell an organisation that messages wait
"""
