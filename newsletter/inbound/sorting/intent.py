# ruff: noqa: RUF001 - the words of other scripts have letters that look like Latin ones
"""What a person wants, as far as the first words tell."""

from __future__ import annotations

import re

from newsletter.inbound.reading.header import Header
from newsletter.inbound.reading.phrases import phrases

#: Letters that are looked at.
_LOOKED_AT = 1_000
_MAX_LINE = 120
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|day|evening)|hallo|guten tag|bonjour|salut|hola|ciao|olá)\b[^.!?]{0,40}[,.!:]?"
)
_POLITE = re.compile(r"(?:please|pls|kindly|bitte|i would like to|i want to|can you|could you)[,\s]+")
_COMMAND = re.compile(
    r"""
    (?: subscribe (?: \ (?:daily|weekly|weekdays|monthly|to|me|topics|[+-]?[a-z-]{2,10}\.[a-z-]{2,8}).* )?
      | (?: stop | unsubscribe | signoff | opt[ -]?out )
        (?: \ (?: me|my|please|sending|sent|this|these|that|it|the|all|any|list|newsletters?|e?-?mails?|messages|digests?|from
               |your|you|to|now|immediately|thanks?|subscription|address|of|mailing|i|want ) )*
      | remove\ me (?: \ .{0,60} )?
      | daily | weekly | weekdays | monthly
      | topics?:? (?: [ ,]+ [+-]? [a-z-]{2,12} (?: \.[a-z-]{2,8} )? ){1,12}
      | (?: un)?follow:? (?: \ (?! (?:up|the|your|our|this|these|me|on)\b ) [\w.'-]{1,30} ){1,5}
      | (?: un)?mute:? (?: \ \S{1,40} ){1,4}
      | (?: more | less ) (?: \ like | \ of )? \ \#?\d{1,3} (?: (?:,\ ?|\ and\ |\ &\ |\ or\ |\ ) \#?\d{1,3} ){0,20}
      | pause (?: \ .{0,12}\d{1,4}.{0,20} )?
      | resume | status | export (?: \ my\ data )? | help (?: \ me )?
    ) (?: ,?\ (?: please | thanks | thank\ you ) )?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LEAVE = frozenset(
    phrases("""
    abbestellen | abmelden | abmeldung | afmelden | austragen | avregistrera | baja | cancelar inscrição
    | cancelar suscripcion | cancelar suscripción | cancellami | darse de baja | disiscrivi | désabonnement | désabonner
    | désinscription | désinscrire | list-unsubscribe | opt out | opt-out | optout | remove | remove me | sign off
    | signoff | uitschrijven | unsubscribe | unsubscribe me | wypisz | отписаться | отписка | إلغاء الاشتراك | 取消订阅
    | 登録解除 | 退訂 | 退订 | 配信停止 | 구독취소
    """)
)
#: What a client may write behind it: something that names the message.
_NAMED = re.compile(r"unsubscribe[\s:=-]{1,3}[^\s?!]{1,100}", re.IGNORECASE)
_YES = frozenset(
    phrases("""
    bestätigt | confermo | confirm | confirmed | confirmo | da | i confirm | ich bestätige | ja | je confirme | ok
    | okay | oui | si | sim | subscribe | sure | sí | y | yep | yes | yes please | yes, please | да | موافق | نعم | はい
    | 是 | 确认 | 確認 | 네
    """)
)
#: Words that say yes whatever stands behind them in a short sentence. "Confirm" is none: machines confirm that a mail arrived.
_AFFIRMING = frozenset(
    phrases("y | yes | yep | yeah | ok | okay | sure | ja | jawohl | oui | si | sí | sim | vale | da | да | نعم | اجل")
)
_CONFIRMATION = ("confirm", "bestätig", "confirmer", "confirmation", "confirma", "conferma", "تأكيد", "подтвер", "確認", "确认")
_ANSWER = re.compile(r"\s*(?:re|aw|sv|vs|antw|odp|rif|res|ynt|回复|回覆|答复|返信)\s?(?:\[\d{1,3}\])?\s?[:：]", re.IGNORECASE)
_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|vb|转发|轉寄|転送)\s?[:：]", re.IGNORECASE)


def looks_like_command(text: str) -> bool:
    """Say whether the first line is a command of the newsletter, as far as this room knows them: in English.

    A greeting may stand before it. Prose is no command: it must be the whole line, or the sentence it begins with.
    """
    lines = [line.strip() for line in text[:_LOOKED_AT].split("\n") if line.strip()]
    if lines and len(lines) > 1 and _GREETING.fullmatch(lines[0].casefold()):
        del lines[0]
    if not lines or len(lines[0]) > _MAX_LINE:
        return False
    line = lines[0].strip("\"'*_`“”„ \t")
    polite = _POLITE.match(line.casefold())
    line = line[polite.end() :] if polite else line
    return _COMMAND.fullmatch(line.rstrip(" .!;,")) is not None


def asks_to_leave(header: Header) -> bool:
    """Say whether a mail program wrote it that unsubscribes for its user (RFC 2369, ``mailto:``): mostly the subject tells."""
    if header.get("x-apple-unsubscribe").strip().lower() == "true":
        return True
    subject = header.get("subject").strip().strip("\"'.!<>[] ")
    return subject.casefold() in _LEAVE or _NAMED.fullmatch(subject) is not None


def is_answer(header: Header) -> bool:
    """Say whether a mail answers another or sends it on: then its subject is not its writer's own."""
    subject = header.get("subject")[:200]
    return bool(header.get("in-reply-to") or _ANSWER.match(subject) or _FORWARD.match(subject))


def is_yes(sentence: str) -> bool:
    """Say whether a sentence is a yes, or a short one begins with it, in any language that is known here."""
    said = sentence.casefold().strip(" \t.!,")
    first = re.match(r"\w+", said)
    return said in _YES or (first is not None and first[0] in _AFFIRMING)


def confirms(header: Header, words: str) -> bool:
    """Say whether it answers a mail that asked to confirm something, and says nothing else than yes, or nothing at all."""
    subject = header.get("subject")[:200]
    if not _ANSWER.match(subject) or not any(word in subject.casefold() for word in _CONFIRMATION):
        return False
    said = words.casefold().strip().strip(".! ")
    return said == "" or said in _YES
