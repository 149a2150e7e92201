"""Bounces: mails by which a mail system tells that a message of ours did not arrive, or not yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from newsletter.inbound.bounces.account import MAX_TEXT, Account, account_of
from newsletter.inbound.bounces.addresses import addresses_in
from newsletter.inbound.bounces.naming import Certainty, Mention, local_names_in, mentions_in
from newsletter.inbound.bounces.replies import completed, reply_code_in
from newsletter.inbound.bounces.sayings import first_refusal
from newsletter.inbound.bounces.ses_notices import reports_in_notice
from newsletter.inbound.bounces.signs import Signs, Tells, Writer, is_other_report, signs_of, status_parts
from newsletter.inbound.bounces.status_fields import MAX_LINES, MAX_REPORTS, reports_in_fields
from newsletter.inbound.bounces.weighing import weigh
from newsletter.inbound.model import Failure, Report
from newsletter.inbound.reading.mail import Mail

#: A message to more people than this was not for the one who failed: who of them it was cannot be told.
_MAX_SENT_TO = 5
#: Fields of a header that list recipients, and characters of each.
_MAX_FIELDS = 20
_MAX_FIELD = 8192


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a bounce says.

    Attributes:
        failures: of each recipient it names, in its order, each once; at least one, with recipient ``""`` if it names none.
        is_delayed: it tells only that the message is still under way, and nobody has failed yet.
    """

    failures: tuple[Failure, ...]
    is_delayed: bool


def read_bounce(mail: Mail, *, envelope_from: str | None = None) -> Bounce | None:
    """Read a bounce (RFC 3464, and whatever else mail systems write); None if the mail is none.

    A report that all went well is none, nor is a complaint, a confirmation of reading, a notice of absence, a challenge, or a
    person's answer that quotes a bounce. Never raises.

    Args:
        mail: as it was read.
        envelope_from: of the SMTP transaction, ``""`` for the null sender; None if it is not known.
    """
    if is_other_report(mail):
        return None
    account = account_of(mail)
    signs = signs_of(mail, account, envelope_from=envelope_from)
    reports = _formal_reports(mail, account, signs)
    if reports:
        failed = tuple(report for report in reports if report.action in ("failed", ""))
        late = tuple(report for report in reports if report.action == "delayed")
        if not failed and not late:
            return None
        return _bounce(_with_what_is_told(failed or late, account), mail, is_delayed=not failed)
    if not signs.may_be_bounce:
        return None
    return _bounce(_told(mail, account, signs), mail, is_delayed=signs.is_late)


def _bounce(reports: tuple[Report, ...], mail: Mail, *, is_delayed: bool) -> Bounce | None:
    """Have each report weighed; None if there is none."""
    action = "delayed" if is_delayed else "failed"
    weighed = weigh((completed(replace(report, action=action)) for report in _each_once(reports)[:MAX_REPORTS]), mail)
    return Bounce(weighed, is_delayed) if weighed else None


def _each_once(reports: Iterable[Report]) -> list[Report]:
    """Keep one report of each recipient: that of the first place, unless a later one says more."""
    kept: dict[str, Report] = {}
    for report in reports:
        key = report.recipient.casefold()
        if key not in kept or (report.diagnostic and not kept[key].diagnostic):
            kept[key] = report
    return list(kept.values())


def _with_what_is_told(reports: tuple[Report, ...], account: Account) -> tuple[Report, ...]:
    """Fill in from the words of a mail what its fields leave out: whom it is about, or what was said."""
    if all(report.recipient and report.diagnostic for report in reports):
        return reports
    mentions = mentions_in(account)
    if not reports[0].recipient:
        named = [mention.recipient for mention in mentions] or [*account.sent_to[:_MAX_SENT_TO]]
        reports = tuple(replace(reports[0], recipient=recipient) for recipient in named) or reports
    said = {mention.recipient.lower(): mention.said for mention in mentions}
    refusal = first_refusal(account.lines) if len(reports) == 1 else ""
    return tuple(
        report if report.diagnostic else replace(report, diagnostic=_joined(said.get(report.recipient.lower(), ""), refusal))
        for report in reports
    )


def _joined(said: str, refusal: str) -> str:
    """Return what is said of a recipient; if that cites no reply, with the one that the text cites elsewhere."""
    return said if refusal in said or reply_code_in(said) else f"{said} {refusal}".strip()


def _told(mail: Mail, account: Account, signs: Signs) -> tuple[Report, ...]:
    """Return whom the header and the words of a mail name; empty if they are not enough to call it a bounce."""
    mentions = _listed(mail, mentions_in(account) or local_names_in(account))
    surest = max((mention.certainty for mention in mentions), default=Certainty.MENTIONED)
    refusal = first_refusal(account.lines)
    is_about_somebody = surest > Certainty.MENTIONED or bool(account.sent_to or refusal)
    if surest < Certainty.AT_THE_HEAD and not _is_enough(signs, surest, is_about_somebody=is_about_somebody):
        return ()
    recipients = [mention.recipient for mention in mentions]
    if surest is Certainty.MENTIONED and not any(recipient.lower() in account.sent_to for recipient in recipients):
        recipients = [*account.sent_to[:_MAX_SENT_TO]] or recipients
    said = {mention.recipient: mention.said for mention in mentions}
    # Of several the reply may be about another, unless nothing is said of any of them.
    common = refusal if len(recipients) < 2 or not any(said.values()) else ""
    return tuple(Report(name, diagnostic=_joined(said.get(name, ""), common)) for name in recipients or [""])


def _listed(mail: Mail, mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """Return whom the header lists as failed, with what the text says of them; whom the text names, if it lists nobody."""
    fields = mail.header.all("x-failed-recipients")[:_MAX_FIELDS]
    listed = [named.address for field in fields for named in addresses_in(field[:_MAX_FIELD])]
    if not listed:
        return mentions
    said = {mention.recipient.lower(): mention.said for mention in mentions}
    other = mentions[0].said if len(mentions) == len(listed) == 1 else ""
    return tuple(Mention(address, Certainty.REFUSED, said.get(address.lower(), other)) for address in listed)


def _is_enough(signs: Signs, surest: Certainty, *, is_about_somebody: bool) -> bool:
    """Whether a mail in which no address stands as failed ones do is a bounce nevertheless."""
    if signs.writer is Writer.MAIL_SYSTEM:
        return is_about_somebody or signs.tells >= Tells.IN_ITS_WORDS
    if signs.writer is Writer.MACHINE and surest is Certainty.IN_A_SENTENCE:
        return True
    return signs.writer is not Writer.UNKNOWN and signs.tells is Tells.CLEARLY and is_about_somebody


def _formal_reports(mail: Mail, account: Account, signs: Signs) -> tuple[Report, ...]:
    """Return what the fields of a report say, those of its own parts before those pasted into its text."""
    lines = [line for part in status_parts(mail, signs) for line in (*part.text.split("\n", MAX_LINES)[:MAX_LINES], "")]
    reports = reports_in_fields(lines)
    if reports or signs.is_from_a_person or not (signs.writer or signs.may_be_bounce):
        return reports
    if "final-recipient" in account.folded or "original-recipient" in account.folded:
        return reports_in_fields(account.lines)
    return reports_in_notice(mail.text[:MAX_TEXT])
