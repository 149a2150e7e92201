"""Challenges: machines that want a sender to prove that he is a person before they deliver his mail."""

from __future__ import annotations

from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.reading.phrases import phrases

_FIELDS = ("x-tmda-confirm-id", "x-tmda-fingerprint", "x-boxbe", "x-ask-version", "x-spamarrest", "x-cr-id", "x-choicemail")
#: What stands in the subject.
_SUBJECTS = phrases("""
    please confirm your message | verification required | sender verification | please verify your e
    | action required to deliver | confirm your email to | confirm that you sent | [challenge] | challenge/response
    | message held for confirmation | please authenticate your message | requires sender confirmation | (verify)
    | email verification request | (action required) | confirmation required to deliver
    """)
#: What such a machine says of itself, of the mail and of him who sent it.
_SENTENCES = phrases("""
    you are a human | you're a human | you are human | you're human | you are a real person | you're a real person
    | you are not a spammer | you're not a spammer | you are not a robot | you're not a robot | a legitimate sender
    | a living person | not an automated | not a machine | dass sie ein mensch | keine maschine
    | que vous êtes un humain | que vous n'êtes pas un robot | que usted es una persona | que no es un robot
    | que é uma pessoa | una persona reale | что вы человек | что вы не робот | 人間であること | 您不是机器人
    | your message will be delivered once you | until you confirm | has been held because | is being held until you
    | was waitlisted | has been quarantined until | before it can be delivered | before your message can be
    | to my white list | to my whitelist | to the whitelist | my approved sender | my guest list | my allowed senders
    | permitted senders | confirm that you sent | your identity as a sender | anti-spam challenge | challenge-response
    | challenge/response | i apologize for this automatic reply | need to do this once | have to do this once
    | do this only once | have to do this one time | this one-time | one-time verification | verification process
    | too much spam | protect myself from spam | control spam | junk email filter requires | spam arrest | boxbe
    """)
#: One of these it always wants.
_WANTS = phrases("""
    confirm | verify | verification | authenticate | prove | validate | click | reply to this | bestätig | klicken
    | confirmer | cliquez | vérifi | confirme | verifique | haga clic | conferma | clicca | подтверд | 確認 | 验证
    """)
_LOOKED_AT = 4_000
#: One sign alone is also what a person may write, or what a letter of ours says that he answers.
_ENOUGH = 2


def is_challenge(mail: Mail, words: str) -> bool:
    """Say whether a mail asks its reader to prove something before another mail is delivered.

    Args:
        mail: as it was read.
        words: what its sender wrote himself.
    """
    if any(mail.header.get(name) for name in _FIELDS):
        return True
    text = " ".join(words[:_LOOKED_AT].casefold().split())
    if not any(phrase in text for phrase in _WANTS):
        return False
    subject = mail.header.get("subject")[:500].casefold()
    signs = sum(phrase in text for phrase in _SENTENCES) + any(phrase in subject for phrase in _SUBJECTS)
    return signs >= _ENOUGH
