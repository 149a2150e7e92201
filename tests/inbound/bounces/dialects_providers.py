"""Bounces as large providers and services write them: the words are theirs, everything else is made up."""

from __future__ import annotations

from tests.inbound.bounces.sample import ADA, ALAN, Sample

PROVIDERS = (
    Sample(
        "MessageLabs",
        f"""
        This is the mail delivery agent at mail.example.net.

        I was unable to deliver your message to the following addresses:

        {ADA}

        Reason: 550 {ADA}... No such user

        The message subject was: Papers
        The message identifier was: 1/2-3
        """,
        subject="Mail Delivery Failure",
        codes=("550",),
    ),
    Sample(
        "SES, in a text",
        f"""
        An error occurred while trying to deliver the mail to the following recipients:
        {ADA}

        Technical report:

        Reporting-MTA: dsn; mx.example.net

        Action: failed
        Final-Recipient: rfc822; {ADA}
        Diagnostic-Code: smtp; 550 5.1.1 user unknown
        Status: 5.1.1
        """,
        subject="Delivery Status Notification (Failure)",
        codes=("550",),
    ),
    Sample(
        "Gmail",
        f"""
        ** Address not found **

        Your message wasn't delivered to {ADA} because the address couldn't be found, or is unable to receive mail.

        Learn more here: https://support.example.net/answer

        The response was:

        550 5.1.1 The email account that you tried to reach does not exist.
        """,
        subject="Delivery Status Notification (Failure)",
        sender="Mail Delivery Subsystem <mailer-daemon@example.net>",
        codes=("550",),
    ),
    Sample(
        "Yahoo",
        f"""
        Message from example.org.
        Unable to deliver message to the following address(es).

        <{ADA}>:
        This user doesn't have a example.org account ({ADA})

        --- Original message follows.
        """,
        subject="Failure Notice",
        sender="MAILER-DAEMON@example.org",
    ),
    Sample(
        "AOL",
        f"""
        The original message was received at Mon, 2 Nov 2026 08:00:00 -0400
        from news.example.com [192.0.2.1]

        *** ATTENTION ***

        Your e-mail is being returned to you because there was a problem with its
        delivery.  The address which was undeliverable is listed in the section
        labeled: "----- The following addresses had permanent fatal errors -----".

           ----- The following addresses had permanent fatal errors -----
        <{ADA}>

           ----- Transcript of session follows -----
        ... while talking to mx.example.org.:
        >>> RCPT To:<{ADA}>
        <<< 550 MAILBOX NOT FOUND
        550 <{ADA}>... User unknown
        """,
        subject="Returned mail: User unknown",
        sender="Mail Delivery Subsystem <MAILER-DAEMON@example.org>",
        codes=("550",),
    ),
    Sample(
        "a German provider",
        f"""
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of
        its recipients. This is a permanent error. The following address
        failed:

        "{ADA}":
        SMTP error from remote server after RCPT command:
        host: mx.example.org
        5.1.1 Adresse unbekannt / unknown address

        --- The header of the original message is following. ---

        Received: from news.example.com
        """,
        subject="Mail delivery failed: returning message to sender",
        sender='"Mail Delivery System" <mailer-daemon@example.de>',
    ),
    Sample(
        "a Russian provider",
        f"""
        Это письмо создано автоматически сервером, отвечать на него не нужно.

        Ваше письмо не может быть доставлено одному или нескольким получателям:

        **********************

        {ADA}: неизвестный пользователь

        **********************
        """,
        subject="Недоставленное сообщение",
        sender="mailer-daemon@example.ru",
    ),
    Sample(
        "a Chinese provider",
        f"""
        抱歉，您的邮件被退回来了……
        原邮件信息：
        主题： Papers
        收件人： {ADA}

        退信原因： 收件人邮件地址不存在，邮件无法送达。
        host mx.example.org said: 550 Mailbox not found
        """,  # noqa: RUF001 - the wide punctuation is the provider's
        subject="系统退信",
        sender="Postmaster@example.cn",
    ),
    Sample(
        "EZweb",
        f"""
        Your message was not delivered to the following recipients:

        <{ADA}>: 550 <{ADA}>: User unknown
        """,
        subject="Mail System Error - Returned Mail",
        sender="Postmaster@example.jp",
        codes=("550",),
    ),
    Sample(
        "a Japanese carrier",
        f"""
        次のあて先へのメッセージはエラーのため送信できませんでした。

          {ADA}

        550 Unknown user {ADA}
        """,
        subject="Undelivered Mail Returned to Sender",
        sender="MAILER-DAEMON@example.ne.jp",
    ),
    Sample(
        "Biglobe",
        f"""
           ----- The following addresses had delivery problems -----
        <{ADA}>

           ----- Non-delivered information -----
        The number of messages in recipient's mailbox exceeded the local limit.
        """,
        subject="Returned mail: Mailbox full",
    ),
    Sample(
        "ActiveHunter",
        f"""
          ----- The following addresses had permanent fatal errors -----

        >>> {ADA} <{ADA}>

          ----- Transcript of session follows -----
        550 sorry, no mailbox here by that name (#5.1.1 - chkuser)
        """,
        subject="Unable to deliver your message",
        codes=("550",),
    ),
    Sample(
        "James",
        f"""
        Hi. This is the James mail server at mx.example.net.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.  Below
        I include the list of recipients and the reason why I was unable to deliver
        your message.

        Failed recipient(s):
        {ADA}

        Error message:
        550 5.1.1 unknown user
        """,
        subject="Re: Papers",
        sender="Postmaster <postmaster@example.net>",
        codes=("550",),
    ),
    Sample(
        "Zoho",
        f"""
        This message was created automatically by mail delivery software.
         A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

        {ADA} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{ADA}>... User unknown
        {ALAN}, ERROR CODE :550 - Mailbox full

        Received:from news.example.com
        """,
        subject="Undelivered Mail Returned to Sender",
        failed=(ADA, ALAN),
    ),
    Sample(
        "X1",
        f"""
        The original message was received at Mon, 2 Nov 2026 08:00:00 +0900
        from news@example.com

        ---The following addresses had delivery errors---

        {ADA} [User unknown]
        """,
        subject="Returned Mail: User unknown",
        sender='"Mail Deliver System" <mailer-daemon@example.jp>',
    ),
    Sample(
        "Verizon",
        """
        Error:     550 - Requested action not taken: no such user here
        To:        5550100@example.org
        From:      news@example.com
        Subject:   Papers
        Date:      Mon, 2 Nov 2026
        """,
        subject="Undeliverable Message",
        sender="post_master@example.org",
        failed=("5550100@example.org",),
        codes=("550",),
    ),
    Sample(
        "PowerMTA",
        f"""
        Hello, this is the mail server on mx.example.net.

        I am sending you this message to inform you on the delivery status of a
        message you previously sent.  Immediately below you will find a list of
        the affected recipients;  also attached is a Delivery Status Notification
        (DSN) report in standard format, as well as the headers of the original
        message.

          <{ADA}>  delivery failed; will not continue trying
        """,
        subject="Delivery report",
        sender="postmaster@example.net",
    ),
    Sample(
        "Bigfoot, the plain way",
        f"""
        The following message to <{ADA}> was undeliverable.
        The reason for the problem:
        5.1.0 - Unknown address error 550-'5.1.1 <{ADA}>... User unknown'
        """,
        subject="Delivery Status Notification (Failure)",
    ),
    Sample(
        "IronPort",
        f"""
        The following message to <{ADA}> was undeliverable.
        The reason for the problem:
        5.4.7 - Delivery expired (message too old) 'timeout'
        """,
        subject="Delivery Status Notification (Failure)",
    ),
    Sample(
        "Facebook",
        """
        This message was created automatically by the mail system.

        Based on the email preferences of the person you're trying to email, this message could not be delivered.
        """,
        subject="Sorry, your message could not be delivered",
        sender="Some Network <mailer-daemon@example.org>",
        failed=(),
    ),
    Sample(
        "nobody but the message itself names the recipient",
        f"""
        Your message was rejected by our filter and could not be delivered.

        ----- Original message -----

        From: news@example.com
        To: Ada Example <{ADA}>
        Subject: Papers
        """,
        subject="Mail delivery failed",
    ),
    Sample(
        "a Portuguese server without accents",
        f"""
        A sua mensagem nao pode ser entregue ao seguinte endereco:

            {ADA}

        O usuario nao existe.
        """,
        subject="Mensagem nao entregue",
        sender="postmaster@example.pt",
    ),
)
