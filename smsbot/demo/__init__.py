"""The demo: the real service with stand-ins for the systems around it, used from a terminal and a web page.

The names come from the theatre: the stage is the service with its stand-ins, and the house serves what is on the stage.

play             the demo in a terminal; `house` serves the page and the sandbox's API beside the service
stage            the service with its stand-ins, which fail on demand, and a clock that can be set (`settable_clock`)
demo_page        the page; `panels` makes its content, `tours` are guided tours, `trail` lists what happens inside
sandbox_api      shows over HTTP what the stand-ins took, and controls them; `demo_requests` reads the requests
town/            a made-up town hall and its week
stand_ins/       gateways, RDV Service Public, a mail server
"""
