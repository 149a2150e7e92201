"""Pure decisions about a delivery: what an answer means, when to try again, what doubt leads to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from newsletter.delivery.model import DeliveryState, Outcome, Phase, Reason, SmtpReply


class Tried(Protocol):
    """A message that is being tried: of a delivery, or of anything else that is accounted for like one."""

    @property
    def attempts(self) -> int:
        """Tries that count against it so far."""
        ...

    @property
    def dated_at(self) -> datetime:
        """When its life began."""
        ...

    @property
    def doubted(self) -> bool:
        """Whether an earlier message of it may have arrived."""
        ...


class OnDoubt(StrEnum):
    """What to do with a message whose final reply never came: ``RESEND`` loses nobody, ``HOLD`` doubles nobody."""

    RESEND = "resend"
    HOLD = "hold"


class ReplyKind(StrEnum):
    """What a final reply says, and about whom. ``OURS`` is a refusal of us or of the message, not of the reader."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again, and when no more.

    ``first`` is the wait after the first temporary refusal; it doubles each time up to ``longest``. A delivery has
    ``max_attempts`` tries and ends ``give_up_after`` its first claim.
    """

    first: timedelta = timedelta(minutes=10)
    longest: timedelta = timedelta(hours=6)
    max_attempts: int = 12
    give_up_after: timedelta = timedelta(days=3)

    def delay(self, attempt: int, jitter: float = 0.0) -> timedelta:
        """Return the wait after try number ``attempt`` (from 1).

        Args:
            attempt: tries so far.
            jitter: 0 to 1; takes up to a quarter off, so that readers refused together do not all come back together.

        Raises:
            ValueError: ``attempt`` or ``jitter`` is out of range.
        """
        if attempt < 1 or not 0 <= jitter <= 1:
            raise ValueError(f"attempt {attempt} must be at least 1 and jitter {jitter} within 0 to 1")
        wait = self.first
        for _ in range(attempt - 1):
            if wait >= self.longest or not wait:
                break
            wait *= 2
        return min(wait, self.longest) * (1 - jitter / 4)


#: Enhanced codes that speak about the reader, though their class does not: his address needs SMTPUTF8 (RFC 6531 section
#: 3.7.1), or he is no longer who he was (RFC 7293 section 10).
_ABOUT_THE_READER = frozenset({"6.7", "7.17", "7.18", "7.19"})
#: What a mail system holds against the sender as such, whoever the reader is, and what mends it. Detail of class 7: the IANA
#: registry of enhanced status codes, and what Gmail and Microsoft make of it.
_HINTS = {
    "20": "a DKIM signature is missing",
    "21": "the DKIM signature is not accepted",
    "22": "the DKIM signature is not of the From domain",
    "23": "SPF fails: let the record of the envelope sender's domain name your relay",
    "24": "the SPF record cannot be read; mend it",
    "25": "the sending address has no matching reverse name (PTR); ask who runs the relay",
    "26": "SPF, DKIM or DMARC fail; 'newsletter doctor' will say which",
    "27": "SPF fails, or the sender's domain takes no mail; mend its records",
    "28": "too much mail at a time; set delivery.per_second or a warm-up plan",
    "29": "TLS is asked for; let the relay use it",
    "30": "DKIM fails; check the key and its record",
    "31": "there is no DMARC record; publish one",
    "32": "the From domain fits neither SPF nor DKIM; align them",
    "509": "DMARC fails; align SPF or DKIM with the From domain",
    "515": "the From domain does not meet the bulk sender rules: SPF, DKIM and DMARC must all pass",
}
#: Class 7 details from which on Microsoft speaks of banned and throttled senders.
_MICROSOFT_BANS = range(600, 800)
#: Refusals of a kind that may be meant for one reader, in a row, after which they are taken to be meant for us.
OBJECTIONS = 5
#: Basic codes that answer a command or a login, whoever the reader is (RFC 5321 section 4.2.2, RFC 4954 section 6).
_ABOUT_THE_SESSION = frozenset({500, 502, 503, 504, 530, 534, 535, 538, 555})


def classify(reply: SmtpReply, phase: Phase) -> ReplyKind:
    """Say what a reply means.

    2yz is accepted, 4yz temporary, 5yz permanent (RFC 5321 section 4.2.1). A 5yz is ours to mend when it answers ``MAIL`` (no
    reader was named yet), when its enhanced status is of class 3 (mail system), 5 (protocol), 6 (content) or 7 (policy:
    ``5.7.1``, ``5.7.26``, ``5.7.515``; RFC 3463 section 3), or when its basic code is about the session. So is a 4yz that holds
    something against the sender as such (``4.7.28``): it is no try of the reader's.

    Raises:
        ValueError: ``reply`` is not a final one.
    """
    kind = reply.code // 100
    if kind == 2:
        return ReplyKind.ACCEPTED
    if kind == 4:
        return ReplyKind.OURS if _hint(reply.status) else ReplyKind.TEMPORARY
    if kind != 5:
        raise ValueError(f"not a final SMTP reply: {reply.code}")
    _, subject, detail = _parts(reply.status)
    if subject:
        ours = subject in {"3", "5", "6", "7"} and f"{subject}.{detail}" not in _ABOUT_THE_READER
    else:
        ours = reply.code in _ABOUT_THE_SESSION
    return ReplyKind.OURS if ours or phase is Phase.MAIL else ReplyKind.PERMANENT


def _parts(status: str) -> tuple[str, str, str]:
    first, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    return first, subject, detail


def _hint(status: str) -> str:
    _, subject, detail = _parts(status)
    if subject != "7":
        return ""
    if detail.isdecimal() and int(detail) in _MICROSOFT_BANS:
        return "the sending address is banned or slowed down there; ask for its removal, and send less at a time"
    return _HINTS.get(detail, "")


class Objections:
    """Notices when a server's refusals are not about readers but about us, so that an issue is paused before it harms us.

    Some are plain: no login, a sender it does not take, an enhanced code that names our SPF. Others, like ``5.7.1``, may be one
    reader's own rule; several in a row without any message taken in between are not.
    """

    def __init__(self) -> None:
        self._in_a_row = 0

    def accepted(self) -> None:
        """A message was taken."""
        self._in_a_row = 0

    def refused(self, reply: SmtpReply, phase: Phase) -> str:
        """Weigh a refusal that is ours to mend; return why to pause and what to do, empty to go on."""
        if reply.code // 100 != 5:
            return ""
        said = " ".join(filter(None, (str(reply.code), reply.status)))
        hint = _hint(reply.status)
        if hint:
            return f"the server refuses us ({said}): {hint}"
        if reply.status == "" and reply.code in _ABOUT_THE_SESSION - {555}:
            return f"the server refuses us ({said} at {phase}): check smtp.username, the password and smtp.security"
        self._in_a_row += 1
        if self._in_a_row < OBJECTIONS:
            return ""
        self._in_a_row = 0
        return (
            f"the server refused {OBJECTIONS} messages in a row ({said} at {phase}): see its last words in 'issues deliveries'"
        )


def after_reply(claim: Tried, reply: SmtpReply, phase: Phase, *, now: datetime, policy: RetryPolicy, jitter: float) -> Outcome:
    """Decide what a reply means for a delivery.

    A refusal that is ours to mend is no try of the reader's: it waits ``policy.longest``, as it will not pass in minutes, and
    ends only with the delivery's life time. A delivery that was ever in doubt ends doubtful, never failed: it may have arrived.

    Args:
        claim: what was tried.
        reply: the final reply: 2yz, 4yz or 5yz.
        phase: what it answered.
        now: aware UTC.
        policy: when to try again.
        jitter: 0 to 1, see :meth:`RetryPolicy.delay`.

    Raises:
        ValueError: ``reply`` is not a final one.
    """
    kind = classify(reply, phase)
    attempts = claim.attempts + 1
    if kind is ReplyKind.ACCEPTED:
        return Outcome(DeliveryState.SENT, attempts, reply=reply)
    if kind is ReplyKind.PERMANENT:
        return _ended(claim, attempts, Reason.REFUSED, reply)
    if kind is ReplyKind.OURS:
        wait = policy.longest * (1 - jitter / 4) if reply.code >= 500 else policy.delay(attempts, jitter)
        return _again(claim, claim.attempts, Reason.POLICY, now + wait, now, policy, reply)
    if attempts >= policy.max_attempts:
        return _ended(claim, attempts, Reason.OUT_OF_TRIES, reply)
    return _again(claim, attempts, Reason.REFUSED, now + policy.delay(attempts, jitter), now, policy, reply)


def after_break(claim: Tried, *, now: datetime, policy: RetryPolicy, jitter: float) -> Outcome:
    """Decide what a connection that broke before the message's final dot means: certainly not accepted.

    The first break is tried again at once, as it is most likely the server's; from the second on the delivery waits, as it may
    be this very message that breaks connections.
    """
    attempts = claim.attempts + 1
    if attempts >= policy.max_attempts:
        return _ended(claim, attempts, Reason.OUT_OF_TRIES, None)
    due = now if attempts == 1 else now + policy.delay(attempts - 1, jitter)
    return _again(claim, attempts, Reason.UNREACHABLE, due, now, policy, None)


def after_doubt(claim: Tried, *, on_doubt: OnDoubt, now: datetime, policy: RetryPolicy, jitter: float) -> Outcome:
    """Decide what a missing reply to the final dot means: the message may have arrived, so it never counts as failed.

    Held, or sent again byte for byte as long as tries are left.
    """
    attempts = claim.attempts + 1
    if on_doubt is OnDoubt.HOLD or attempts >= policy.max_attempts or _is_too_old(claim, now, policy):
        return Outcome(DeliveryState.DOUBTFUL, attempts, Reason.IN_DOUBT)
    return Outcome(DeliveryState.DEFERRED, attempts, Reason.IN_DOUBT, now + policy.delay(attempts, jitter))


def after_refused_composing(claim: Tried, *, now: datetime, policy: RetryPolicy, jitter: float) -> Outcome:
    """Decide what a message that could not be made means: ours to mend, no try of the reader's."""
    return _again(claim, claim.attempts, Reason.NOT_COMPOSED, now + policy.longest * (1 - jitter / 4), now, policy, None)


def _is_too_old(claim: Tried, now: datetime, policy: RetryPolicy) -> bool:
    return now - claim.dated_at >= policy.give_up_after


def _again(
    claim: Tried,
    attempts: int,
    reason: Reason,
    due: datetime,
    now: datetime,
    policy: RetryPolicy,
    reply: SmtpReply | None,
) -> Outcome:
    if _is_too_old(claim, now, policy):
        return _ended(claim, attempts, Reason.TOO_OLD, reply)
    return Outcome(DeliveryState.DEFERRED, attempts, Reason.IN_DOUBT if claim.doubted else reason, due, reply)


def _ended(claim: Tried, attempts: int, reason: Reason, reply: SmtpReply | None) -> Outcome:
    if claim.doubted:
        return Outcome(DeliveryState.DOUBTFUL, attempts, Reason.IN_DOUBT, reply=reply)
    return Outcome(DeliveryState.FAILED, attempts, reason, reply=reply)


def after_skip(claim: Tried, reason: str) -> Outcome:
    """Decide what it means that a claimed delivery must not be sent after all, for ``reason``."""
    if claim.doubted:
        return Outcome(DeliveryState.DOUBTFUL, claim.attempts, Reason.IN_DOUBT)
    return Outcome(DeliveryState.SKIPPED, claim.attempts, reason)
