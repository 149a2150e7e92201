"""Bounces in whose dialect the reason stands where others have it not: the words are theirs, everything else is made up."""

from __future__ import annotations

from dataclasses import dataclass

from tests.inbound.bounces.sample import ADA


@dataclass(frozen=True, slots=True)
class Reason:
    """A bounce about Ada, and why it came.

    Attributes:
        name: of the dialect.
        reason: by its name.
        text: of the message below its header.
        subject: of the message.
        is_hard: nobody will ever be there.
    """

    name: str
    reason: str
    text: str
    subject: str = "failure notice"
    is_hard: bool = False


REASONS = (
    Reason(
        "qmail-ldap",
        "suspend",
        f"""
        Hi. This is the qmail-send program at mx.example.net.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{ADA}>:
        Mailaddress is administrativley disabled. (#5.2.1)

        --- Below this line is a copy of the message.
        """,
    ),
    Reason(
        "Gmail nxdomain",
        "hostunknown",
        f"""
        Delivery to the following recipient failed permanently:

             {ADA}

        Technical details of permanent failure:
        DNS Error: Domain name not found

        ----- Original message -----
        """,
        is_hard=True,
    ),
    Reason(
        "Sendmail 5",
        "hostunknown",
        f"""
        The original message was received at Mon, 6 Apr 2026 07:00:00 +0000 from localhost

           ----- Transcript of session follows -----
        550 example.org (unknown host)... Host unknown
        554 <{ADA}>... 550 Host unknown (Authoritative answer from name server)

           ----- Unsent message follows -----
        Received: by mx.example.net
        """,
        is_hard=True,
    ),
    Reason(
        "Sendmail, a banner",
        "blocked",
        f"""
           ----- The following addresses had permanent fatal errors -----
        <{ADA}>
            (reason: 554 mx.example.org)

           ----- Transcript of session follows -----
        ... while talking to mx.example.org.:
        <<< 554 mx.example.org
        554 5.0.0 Service unavailable
        """,
    ),
    Reason(
        "IMail, a user",
        "userunknown",
        f"""
        Unknown user: {ADA}

        Original message follows.
        """,
        is_hard=True,
    ),
    Reason(
        "IMail, a full mailbox",
        "mailboxfull",
        f"""
        User mailbox exceeds allowed size: {ADA}

        Original message follows.
        """,
    ),
    Reason(
        "IMail, in vain",
        "expired",
        f"""
        Delivery failed 20 attempts: {ADA}

        Original message follows.
        """,
    ),
    Reason(
        "X6, RCPT",
        "userunknown",
        f"""
        We had trouble delivering your message. Full details follow:

        Subject: 'Papers'
        Date: 'Mon, 6 Apr 2026 07:00:00 +0000'

        1 error(s):

        SMTP Server <mx.example.org> rejected recipient <{ADA}>
          (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]
        """,
        is_hard=True,
    ),
    Reason(
        "X3, RCPT",
        "userunknown",
        f"""
              This is an automatically generated Delivery Status Notification.

        Delivery to the following recipients failed permanently:

          * {ADA}

        ============================================================================
                                     Technical details:

        SMTP:RCPT host 192.0.2.8: 553 5.3.0 <{ADA}>... No such user here
        """,
        subject="Delivery status notification",
        is_hard=True,
    ),
    Reason(
        "X2",
        "suspend",
        f"""
        Unable to deliver message to the following address(es).

        <{ADA}>:
        This account has been disabled or discontinued [#101].

        --- Original message follows.
        """,
    ),
    Reason(
        "m-FILTER",
        "userunknown",
        f"""
        以下のメールアドレスへの送信に失敗しました。
        {ADA}

        -------server message
        550 5.1.1 unknown user <{ADA}>

        -------SMTP command
        RCPT TO:<{ADA}>

        -------original message
        """,
        is_hard=True,
    ),
    Reason(
        "Surfcontrol",
        "filtered",
        f"""
        Your message could not be sent.
        A transcript of the attempts to send the message follows.
        The number of attempts made: 1
        Addressed To: {ADA}

        Mon 6 Apr 2026 07:00:00 +0000
        Failed to send to identified host,
        {ADA}: [192.0.2.5], 550 ada... No such user
        --- Message non-deliverable.
        """,
        subject="Mail could not be delivered",
    ),
    Reason(
        "Domino ambiguous",
        "systemerror",
        f"""
        Your message

          Subject: x

        was not delivered to:

          {ADA}

        because:

          User ada ({ADA}) several matches found in Domino Directory
        """,
        subject="DELIVERY FAILURE: Several matches found",
    ),
    Reason(
        "Notes loop",
        "networkerror",
        f"""
        ------- Failure Reasons  --------

        Message has exceeded maximum hop count
        {ADA}

        ------- Returned Message --------
        """,
    ),
    Reason(
        "Exchange 2003",
        "filtered",
        f"""
        Your message

          To:      {ADA}
          Subject: x
          Sent:    Mon, 6 Apr 2026 07:00:00 +0000

        did not reach the following recipient(s):

        {ADA} on Mon, 6 Apr 2026 07:00:00 +0000
            Ambiguous Recipient
            The MTS-ID of the original message is: c=gb;a= ;p=example
                MSEXCH:IMS:Example:EXAMPLE:MAIL 0 (000C0595) Ambiguous Recipient
        """,
        subject="Undeliverable: x",
    ),
    Reason(
        "KDDI",
        "mailboxfull",
        f"""
        Your mail sent on: Mon, 6 Apr 2026 07:00:00 +0000
            Could not be delivered to: {ADA}
            As their mailbox is full.
        """,
        subject="Mail System Error - Returned Mail",
    ),
    Reason(
        "EZweb, a limited account",
        "suspend",
        f"""
        The user(s) account is temporarily limited.

        <{ADA}>
        """,
        subject="Mail System Error - Returned Mail",
    ),
    Reason(
        "EZweb, a user",
        "userunknown",
        f"""
        Each of the following recipients was rejected by a remote
        mail server.  The reasons given by the server are included
        to help you determine why each recipient was rejected.

            Recipient: <{ADA}>
            >>> RCPT TO:<{ADA}>
            <<< 550 <{ADA}>: User unknown
        """,
        subject="Mail System Error - Returned Mail",
        is_hard=True,
    ),
    Reason(
        "Zoho",
        "expired",
        f"""
        This message was created automatically by mail delivery software.
         A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

        {ADA} Host not reachable, ERROR_CODE :, ERROR_CODE :Host not reachable
        """,
    ),
    Reason(
        "Bigfoot",
        "filtered",
        f"""
        The message could not be delivered

           ----- Transcript of session follows -----
        >>> RCPT TO:<{ADA}>
        <<< 550 <{ADA}>... Mail is rejected by recipients
        """,
        subject="Returned mail:",
    ),
    Reason(
        "James",
        "filtered",
        f"""
        Hi. This is the James mail server at james.example.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.  Below
        I include the list of recipients and the reason why I was unable to deliver
        your message.

        Failed recipient(s):
        {ADA}

        Error message:
        550 Unknown user {ADA}
        """,
        subject="[BOUNCE]",
    ),
)
