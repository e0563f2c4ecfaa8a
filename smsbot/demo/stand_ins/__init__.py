"""Stand-ins for the systems around the service. Only the demo, the tests and the benchmarks use them.

    http_stand_in        the base of the HTTP ones: serves on loopback, keeps what it took, fails on demand, and reports
                         the calls that it answered
    loop_thread          the thread in which a stand-in runs
    gateway_stand_in     what all gateways share: `twilio_stand_in` (with `twilio_documents`), `vonage_stand_in`,
                         `aggregator_stand_in`
    rdvsp_stand_in       RDV Service Public: its API (`rdvsp_answers`), its appointments (`rdvsp_agenda`, made of
                         `agenda_records`), its webhooks (`rdvsp_webhooks`) and its sign-in (`rdvsp_sign_in`)
    mail_stand_in        a mail server

They are written from the documentation of these systems and share no code with the modules that talk to them, so that
each side checks the other. They keep what they took in memory, in order, and fail on demand.
"""
