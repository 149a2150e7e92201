"""Mails that are no bounces although something in them looks like one, written for these tests."""

from __future__ import annotations

from tests.inbound.bounces.dialects import DIALECTS
from tests.inbound.bounces.sample import ADA, Sample

_QUOTED = "\n".join(f"> {line}" for line in DIALECTS[0].raw().decode().splitlines())
_DSN = f"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.1.1\n"

LETTERS = (
    Sample(
        "an answer that quotes a bounce",
        f"Hello,\n\nwhen I write to Alan I get this. What does it mean?\n\nOn Monday the mail system wrote:\n{_QUOTED}\n",
        subject="Re: Undelivered Mail Returned to Sender",
        sender=f"Ada Example <{ADA}>",
        more="In-Reply-To: <1@example.net>\n",
    ),
    Sample(
        "a bounce that a person forwards",
        "Look at this.\n\n---------- Forwarded message ---------\n" + DIALECTS[0].raw().decode(),
        subject="Fwd: failure notice",
        sender=f"Ada Example <{ADA}>",
    ),
    Sample(
        "prose about bounces",
        "Hi, my old address alan@example.net says user unknown and mail to it was rejected with 550 5.1.1.\nUse this one.\n",
        subject="My new address",
        sender=f"Ada Example <{ADA}>",
    ),
    Sample(
        "a question about delivery",
        "Hi,\n\nthe last issue could not be delivered, it seems. Was there an error?\n\nAda\n",
        subject="Delivery problem?",
        sender=f"Ada Example <{ADA}>",
    ),
    Sample(
        "a parcel",
        "Dear customer,\n\nyour parcel could not be delivered as nobody was at home. Choose a new date: https://example.com/parcel\n",
        subject="Your delivery has failed",
        sender="Parcels <no-reply@example.com>",
    ),
    Sample(
        "a parcel from a null sender",
        "Dear customer,\n\nyour parcel could not be delivered as nobody was at home.\n",
        subject="Your parcel",
        sender="Parcels <parcels@example.com>",
        more="Return-Path: <>\n",
    ),
    Sample(
        "out of office, null sender",
        f"I am out of the office until Monday. Your message was not forwarded. In urgent cases write to {ADA}.\n",
        subject="Automatic reply: Papers",
        sender="Alan Example <alan@example.net>",
        more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
    ),
    Sample(
        "out of office without a subject of its own",
        "Ich bin bis Montag nicht im Büro und habe keinen Zugriff auf mein Postfach.\n\nAlan Example\nalan@example.net\n",
        subject="Re: Papers",
        sender="Alan Example <alan@example.net>",
        more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
    ),
    Sample(
        "somebody has left",
        f"Alan no longer works here. Please write to {ADA} from now on.\n",
        subject="Automatic reply: Papers",
        sender="Alan Example <alan@example.net>",
        more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
    ),
    Sample(
        "a challenge",
        "Your message was not delivered yet. To prove that you are human, click the following link:\n"
        "https://example.net/challenge\n",
        subject="Please confirm your message",
        sender="Alan Example <alan@example.net>",
        more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
    ),
    Sample(
        "a report of DMARC",
        "This is an aggregate report from example.net. See the attachment.\n",
        subject="Report Domain: example.com Submitter: example.net Report-ID: <1@example.net>",
        sender="postmaster@example.net",
    ),
    Sample(
        "a postmaster's letter",
        "Dear colleague,\n\nour servers move on Monday. Nothing changes for you.\n\nThe postmasters\n",
        subject="New servers",
        sender="Postmaster <postmaster@example.net>",
    ),
    Sample(
        "a newsletter about mail",
        "This week: why mail bounces, what a mailbox that is full costs, and how to read a delivery status notification.\n",
        subject="The weekly mail geek",
        sender="The Mail Geek <weekly@example.net>",
        more="List-Id: <weekly.example.net>\nPrecedence: bulk\n",
    ),
    Sample(
        "a command",
        "less 2\n",
        subject="Re: Papers of Monday",
        sender=f"Ada Example <{ADA}>",
        more="In-Reply-To: <2@example.com>\n",
    ),
    Sample(
        "a false quota",
        "Your mailbox is full. Click here to keep your messages: https://example.net/x",
        subject="Mailbox quota exceeded",
        sender="IT Support <helpdesk@example.net>",
    ),
    Sample(
        "a false mail system",
        "You have 8 undelivered messages. Review them: https://example.net",
        subject="8 messages were returned",
        sender="Mail Delivery <x@example.net>",
    ),
    Sample(
        "away, in Japanese",
        "休暇中です。\n\nada@example.org",
        subject="自動返信: Papers",
        sender="ada@example.org",
        more="Auto-Submitted: auto-replied\n",
    ),
    Sample(
        "away, null sender",
        "I am away until Monday.\n\nBest,\nAda\n--\nada@example.org\n",
        subject="Away",
        sender="ada@example.org",
        more="Return-Path: <>\n",
    ),
    Sample(
        "a null sender tells that somebody has left",
        "Ada Example is no longer with Example Ltd. Your mail has not been forwarded. Contact alan@example.net.",
        subject="Ada Example has left",
        sender="ada@example.org",
        more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
    ),
    Sample(
        "a mailbox nobody reads",
        "This mailbox is not monitored and your message was not delivered to a person. Write to alan@example.net.",
        subject="Thank you for your message",
        sender="noreply@example.org",
        more="Auto-Submitted: auto-replied\n",
    ),
    Sample(
        "a ticket",
        "Your request #12 has been received. Contact: ada@example.org",
        subject="[#12] Papers",
        sender="Support <support@example.org>",
        more="Auto-Submitted: auto-generated\n",
    ),
    Sample(
        "a quarantine",
        "3 messages are in your quarantine:\nalan@example.net  Papers\n",
        subject="Quarantine digest",
        sender="postmaster@example.org",
    ),
    Sample(
        "a moderated list",
        "Your mail to 'papers' with the subject\n    Papers\nIs being held until a moderator can review it.",
        subject="Your message to papers awaits moderator approval",
        sender="papers-bounces@lists.example.org",
        more="Auto-Submitted: auto-replied\n",
    ),
    Sample(
        "a subscription to confirm",
        "Please confirm your subscription by replying.",
        subject="confirm 12345",
        sender="papers-request@lists.example.org",
        more="Auto-Submitted: auto-replied\nReturn-Path: <>\n",
    ),
    Sample(
        "a reader about a link",
        "Thanks! By the way the link in issue 3 is not found (404), and the PDF could not be opened.\n",
        subject="Issue 3",
        sender="Ada <ada@example.org>",
    ),
    Sample(
        "a command with words",
        "stop\n\nThis address is no longer in use after Monday.",
        subject="stop",
        sender="Ada <ada@example.org>",
    ),
    Sample(
        "a postmaster who writes himself",
        "Hi, I run the mail of example.org. Your mails fail DMARC; please fix. Regards, Alan (alan@example.org)",
        subject="Your DMARC",
        sender="Postmaster <postmaster@example.org>",
    ),
    Sample(
        "a report of TLS",
        "This is a TLS report for example.com. Failed sessions: 0",
        subject="Report Domain: example.com Submitter: example.org",
        sender="noreply-smtp-tls-reporting@example.org",
    ),
    Sample(
        "cron",
        "/bin/sh: 1: foo: not found",
        subject="Cron <root@mx> foo",
        sender="root@example.org (Cron Daemon)",
        more="Auto-Submitted: auto-generated\n",
    ),
    Sample("nothing at all", "", subject="", sender=f"Ada Example <{ADA}>"),
)

FEEDBACK_REPORT = f"""\
From: feedback@example.net
To: abuse@example.com
Subject: complaint about message from 192.0.2.1
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is an email abuse report. The message was rejected by its reader.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
Original-Rcpt-To: {ADA}

--b--
"""

RECEIPT = f"""\
From: Ada Example <{ADA}>
To: news@example.com
Subject: Read: Papers
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b
Content-Type: text/plain

Your message was deleted without being read; it was not delivered to anybody else.

--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; {ADA}
Disposition: automatic-action/MDN-sent-automatically; deleted

--b--
"""

SUCCESS = f"""\
From: MAILER-DAEMON@mx.example.net
To: news@example.com
Subject: Successful Mail Delivery Report
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Your message was successfully delivered to the destination listed below.

--b
Content-Type: message/delivery-status

{_DSN.replace("failed", "delivered").replace("5.1.1", "2.0.0")}
--b--
"""

FORWARDED_REPORT = f"""\
From: Ada Example <{ADA}>
To: news@example.com
Subject: Fwd: Undelivered Mail Returned to Sender
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain

What is this?

--a
Content-Type: message/rfc822

From: MAILER-DAEMON@mx.example.net
To: {ADA}
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

{_DSN}
--b--

--a--
"""

WHOLE_LETTERS = {
    "a complaint": FEEDBACK_REPORT,
    "a confirmation of reading": RECEIPT,
    "a report of success": SUCCESS,
    "a report that a person forwards": FORWARDED_REPORT,
}
