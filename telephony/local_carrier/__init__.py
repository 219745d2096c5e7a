"""A Twilio-compatible carrier that runs on a laptop: REST, TwiML, real audio, browser and script phones.

Stands alone: `python -m telephony.local_carrier --help`. Imports nothing of the contact centre; only the speech engines
of `telephony.speech`. What it promises of Twilio, and where each rule comes from, is said at each rule.
"""
