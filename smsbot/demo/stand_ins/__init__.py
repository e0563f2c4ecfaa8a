"""Stand-ins for the systems around the service. The demo, the tests and the benchmarks use them; nothing else does.

    http_stand_in        the base of those over HTTP: serves on loopback, keeps what it took, fails on demand
    loop_thread          the thread that a stand-in runs in; `http_tap` hears which calls were answered
    gateway_stand_in     what all gateways share: `twilio_stand_in` (with `twilio_documents`), `vonage_stand_in`,
                         `aggregator_stand_in`
    rdvsp_stand_in       RDV Service Public: its API (`rdvsp_answers`) on its appointments (`rdvsp_agenda`), its
                         webhooks (`rdvsp_webhooks`) and its pages to sign in (`rdvsp_sign_in`)
    mail_stand_in        a mail server

They are written from the documentation of these systems and share no code with the modules that talk to them, so that
each checks the other. They keep what they took in memory, in order, and fail on demand.
"""
