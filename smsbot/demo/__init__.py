"""The demo: a play in a terminal and on a page, on the real service among stand-ins for the systems around it.

    play             in a terminal; `house` serves the page and the sandbox's API beside the service
    stage            the service among its stand-ins, on a clock that can be set
    demo_page        the page; `panels` is what it shows, `tours` leads through it, `trail` tells what happens beneath
    sandbox_api      what the stand-ins took, and what they are let do, over HTTP
    town             a made-up town hall; `town_week` is what happens there, `moving_in` lets the stand-ins know of it
    *_stand_in       a gateway, RDV Service Public, a mail server

The demo, the tests and the benchmarks use the stand-ins. They are written from the documentation of these systems and
share no code with the modules that talk to them, so that each checks the other. They keep what they took in memory, in
order, and fail on demand.
"""
