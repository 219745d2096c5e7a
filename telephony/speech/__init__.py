"""Speech on the user's own machine: `tts.Speaker` speaks, `recogniser.Recogniser` hears.

Imports nothing from the rest of the project. Settings: `settings.SpeechSettings`; which engine serves which language:
`choice.settle`; by hand: `python -m telephony.speech`.
"""
