"""How agents sign in to the console.

- With a password: `sign_in`, with `passwords`. `sign_in_limits` slows down whoever guesses.
- With OpenID Connect: `sign_in_openid` on our side, `openid_provider` speaks with the provider.
"""
