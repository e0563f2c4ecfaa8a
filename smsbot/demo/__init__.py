"""The demo: a play in a terminal and on a page, on the real service among stand-ins for the systems around it.

play             in a terminal; `house` serves the page and the sandbox's API beside the service
stage            the service among its stand-ins, on a clock that can be set (`settable_clock`)
demo_page        the page; `panels` is what it shows, `tours` leads through it, `trail` tells what happens beneath
sandbox_api      what the stand-ins took, and what they are let do, over HTTP (`demo_requests` reads what is posted)
troubles         what can be made to go wrong while one looks on
town/            a made-up town hall and its week; `moving_in` lets the stand-ins know of it
stand_ins/       gateways, RDV Service Public, a mail server
"""
