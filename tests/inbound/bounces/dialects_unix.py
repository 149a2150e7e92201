"""Bounces as the mail servers of Unix write them: the words are theirs, everything else is made up."""

from __future__ import annotations

from tests.inbound.bounces.sample import ADA, ALAN, Sample

UNIX = (
    Sample(
        "qmail",
        f"""
        Hi. This is the qmail-send program at mx.example.net.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{ADA}>:
        192.0.2.7 does not like recipient.
        Remote host said: 550 5.1.1 <{ADA}>: Recipient address rejected: User unknown
        Giving up on 192.0.2.7.

        <{ALAN}>:
        Sorry, no mailbox here by that name. (#5.1.1)

        --- Below this line is a copy of the message.

        Return-Path: <news@example.com>
        """,
        failed=(ADA, ALAN),
    ),
    Sample(
        "qmail, forwarded inside",
        f"""
        Hi. This is the qmail-send program at mx.example.net.

        <{ADA}>:
        This address forwards to
        other@example.net, which is gone. (#5.1.1)

        --- Enclosed are the original headers of the message.
        """,
    ),
    Sample(
        "ezmlm",
        """
        Hi! This is the ezmlm program. I'm managing the
        papers@lists.example.net mailing list.

        I'm sorry, the list moderators for the papers list
        have failed to act on your post. Thus, I'm returning it to you.
        Your message could not be delivered.
        """,
        subject="Returned post for papers@lists.example.net",
        sender="papers-help@lists.example.net",
        failed=("papers@lists.example.net",),
        more="Return-Path: <>\n",
    ),
    Sample(
        "Postfix",
        f"""
        This is the mail system at host mx.example.net.

        I'm sorry to have to inform you that your message could not
        be delivered to one or more recipients. It's attached below.

        For further assistance, please send mail to postmaster.

        If you do so, please include this problem report. You can
        delete your own text from the attached returned message.

                           The mail system

        <{ADA}> (expanded from <team@example.net>): host mx.example.org[192.0.2.7] said: 550
            5.1.1 <{ADA}>: Recipient address rejected: User unknown in
            virtual mailbox table (in reply to RCPT TO command)
        """,
        subject="Undelivered Mail Returned to Sender",
        codes=("550",),
    ),
    Sample(
        "Postfix, delayed",
        f"""
        This is the mail system at host mx.example.net.

        ####################################################################
        # THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
        ####################################################################

        Your message could not be delivered for more than 4 hour(s).
        It will be retried until it is 5 day(s) old.

        <{ADA}>: connect to mx.example.org[192.0.2.7]:25: Connection timed out
        """,
        subject="Delayed Mail (still being retried)",
        is_delayed=True,
    ),
    Sample(
        "Exim",
        f"""
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address(es) failed:

          {ADA}
            SMTP error from remote mail server after RCPT TO:<{ADA}>:
            host mx.example.org [192.0.2.7]: 550 5.1.1 <{ADA}>:
            Recipient address rejected: User unknown
          {ALAN}
            (generated from team@example.net)
            retry timeout exceeded

        ------ This is a copy of the message, including all the headers. ------

        Return-path: <news@example.com>
        """,
        subject="Mail delivery failed: returning message to sender",
        failed=(ADA, ALAN),
    ),
    Sample(
        "Exim, the header alone",
        """
        This message was created automatically by mail delivery software.

        A message that you sent was rejected. Details of it are attached.
        """,
        subject="Mail delivery failed: returning message to sender",
        more=f"X-Failed-Recipients: {ADA},\n  {ALAN}\n",
        failed=(ADA, ALAN),
    ),
    Sample(
        "Exim, delayed",
        f"""
        This message was created automatically by mail delivery software.
        A message that you sent has not yet been delivered to one or more of its
        recipients after more than 24 hours on the queue on mx.example.net.

        The address to which the message has not yet been delivered is:

          {ADA}
            Delay reason: Connection timed out

        No action is required on your part. Delivery attempts will continue for
        some time, and this warning may be repeated at intervals if the message
        remains undelivered. Eventually the mail delivery software will give up,
        and when that happens, the message will be returned to you.
        """,
        subject="Warning: message 1abcde-000001-AA delayed 24 hours",
        is_delayed=True,
    ),
    Sample(
        "Sendmail",
        f"""
        The original message was received at Mon, 2 Nov 2026 08:00:00 GMT
        from news.example.com [192.0.2.1]

           ----- The following addresses had permanent fatal errors -----
        <{ADA}>
            (reason: 550 5.1.1 <{ADA}>... User unknown)

           ----- Transcript of session follows -----
        ... while talking to mx.example.org.:
        >>> DATA
        <<< 550 5.1.1 <{ADA}>... User unknown
        550 5.1.1 <{ADA}>... User unknown
        <<< 503 5.0.0 Need RCPT (recipient)
        """,
        subject="Returned mail: see transcript for details",
        codes=("550",),
    ),
    Sample(
        "Sendmail 5",
        f"""
           ----- Transcript of session follows -----
        While talking to mx.example.org:
        >>> RCPT To:<{ADA}>
        <<< 550 No such user here.
        550 <{ADA}>... User unknown
        554 <{ALAN}>... 550 Host unknown (Authoritative answer from name server)

           ----- Unsent message follows -----
        Received: by news.example.com
        """,
        subject="Returned mail: User unknown",
        failed=(ADA, ALAN),
        codes=("550", "554"),
    ),
    Sample(
        "Sendmail, a local user",
        """
           ----- Transcript of session follows -----
        550 5.1.1 ada... User unknown

           ----- Unsent message follows -----
        To: ada@example.org
        From: news@example.com
        """,
        subject="Returned mail: User unknown",
    ),
    Sample(
        "Courier",
        f"""
        This is a delivery status notification from mx.example.net,
        running the Courier mail server, version 1.0.

                                   UNDELIVERABLE MAIL

        Your message to the following recipients cannot be delivered:

        <{ADA}>:
            mx.example.org [192.0.2.7]:
        >>> RCPT TO:<{ADA}>
        <<< 550 5.1.1 User unknown
        """,
        subject="NOTICE: mail delivery status.",
        sender="postmaster@example.net",
        codes=("550",),
    ),
    Sample(
        "OpenSMTPD",
        f"""
            Hi!

            This is the MAILER-DAEMON, please DO NOT REPLY to this email.

            An error has occurred while attempting to deliver a message for
            the following list of recipients:

        {ADA}: 550 5.2.2 <{ADA}>... Mailbox Full

            Below is a copy of the original message:

        Received: by mx.example.net (OpenSMTPD)
        """,
        subject="Delivery status notification: error",
        codes=("550",),
    ),
    Sample(
        "OpenSMTPD, delayed",
        f"""
            Hi!

            This is the MAILER-DAEMON, please DO NOT REPLY to this email.

            A message is delayed for more than 4h for the following
            list of recipients:

        {ADA}: Network error on destination MXs
        """,
        subject="Delivery status notification: warning",
        is_delayed=True,
    ),
    Sample(
        "dma",
        f"""
        This is the DragonFly Mail Agent v0.13 at mx.example.net.

        There was an error delivering your mail to <{ADA}>.

        mx.example.org [192.0.2.7] did not like our RCPT TO:
        550 5.1.1 <{ADA}>: user unknown

        Your original message follows.

        Received: from news (uid 1000)
        """,
        subject="Mail delivery failed",
        codes=("550",),
    ),
)
