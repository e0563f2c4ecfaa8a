"""A made-up town hall: the organisation of the demo and of the pictures, and what happens there.

town_hall     sets it up and plays on the service alone; `townspeople` are who lives and works there
town_week     what happens in the week before the demo opens
past_year     the figures of the year before, for the pictures
"""
