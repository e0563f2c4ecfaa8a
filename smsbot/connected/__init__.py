"""RDV Service Public as the owner of its appointments: signing in there, reading them there, cancelling them there.

A cancellation is requested here first (`smsbot.appointments.requests`) and carried out there by this room. Nobody is
told that an appointment is cancelled before RDV Service Public has answered that it is.

- `connections` says which sources there are, `source_state` in which state each is, `setup` registers our webhooks.
- Signing in: `source_login` for an operator, `source_sign_in` for every call, `kept_tokens` in the database.
- Calling: `client` is the API, `source_http` the HTTP below it, `source_api` what the other modules need of it.
- Cancelling: `carrying` claims requests and writes their outcome, `carrying_attempt` is one attempt, `judging` decides
  what the source's answer means, `request_answers` tells the usager.
- Reading: `sync` reads all that is to come, `rereading` reads single appointments again.
"""
