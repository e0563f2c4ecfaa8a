"""`smsbot demo`: the real service on this machine, with stand-ins for Twilio and the mail server around it."""
