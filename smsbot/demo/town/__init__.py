"""A made-up town hall: the organisation in the demo and in the pictures of the guide, and what happens there.

town_hall     sets it up and plays on the service alone; `townspeople` are who lives and works there
town_week     what happens in the week before the demo opens
past_year     the figures of the years before, for the pictures
"""
