"""Bounces as the servers of offices and the filters in front of them write them: the words are theirs, all else is made up."""

from __future__ import annotations

from tests.inbound.bounces.sample import ADA, Sample

OFFICE = (
    Sample(
        "Exchange 5.5",
        f"""
        Your message

          To:      someone@example.com
          Subject: Papers
          Sent:    Mon, 2 Nov 2026 08:00:00 -0000

        did not reach the following recipient(s):

        {ADA} on Mon, 2 Nov 2026 08:00:05 -0000
            The recipient name is not recognized
                The MTS-ID of the original message is: c=gb;a= ;p=example;l=MX0000000000
            MSEXCH:IMS:EXAMPLE:SITE:MX 0 (000C05A6) Unknown Recipient
        """,
        subject="Undeliverable: Papers",
        sender="System Administrator <postmaster@example.org>",
    ),
    Sample(
        "Exchange 2007, German",
        f"""
        Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:

        {ADA}
        Die eingegebene E-Mail-Adresse konnte nicht gefunden werden.
        Überprüfen Sie die E-Mail-Adresse, und senden Sie die Nachricht erneut.

        Diagnoseinformationen für Administratoren:

        Generierender Server: mx.example.org

        {ADA}
        #550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##

        Ursprüngliche Nachrichtenkopfzeilen:

        Received: from mx.example.com
        """,
        subject="Unzustellbar: Papers",
        sender="postmaster@example.org",
        codes=("550",),
    ),
    Sample(
        "Exchange 2010, French",
        f"""
        Échec de la remise à ces destinataires ou groupes :

        {ADA}
        L'adresse de messagerie que vous avez entrée est introuvable.

        Informations de diagnostic pour les administrateurs :

        Serveur de génération : mx.example.org

        {ADA}
        #550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
        """,
        subject="Non remis : Papers",
        sender="postmaster@example.org",
        codes=("550",),
    ),
    Sample(
        "Exchange Online",
        f"""
        Delivery has failed to these recipients or groups:

        {ADA}<mailto:{ADA}>
        The email address you entered couldn't be found. Please check the recipient's email address
        and try to resend the message. If the problem continues, please contact your helpdesk.

        Diagnostic information for administrators:

        Generating server: MX0.EXAMPLE.NET

        {ADA}
        Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'

        Original message headers:

        Received: from mx.example.com
        """,
        subject="Undeliverable: Papers",
        sender="Microsoft Outlook <postmaster@example.net>",
        codes=("550",),
    ),
    Sample(
        "Domino",
        f"""
        Your message

          Subject: Papers

        was not delivered to:

          {ADA}

        because:

          User Ada Example ({ADA}) not listed in Domino Directory
        """,
        subject="DELIVERY FAILURE: User Ada Example not listed in Domino Directory",
        sender="Postmaster@example.org",
    ),
    Sample(
        "Notes",
        f"""
        ------- Failure Reasons  --------

        User not listed in public Name & Address Book
        {ADA}

        ------- Returned Message --------

        Received: from mx.example.com
        """,
        subject="DELIVERY FAILURE",
        sender="postmaster@example.org",
    ),
    Sample(
        "GroupWise",
        f"""
        The attached file had the following undeliverable recipient(s):
        \t{ADA}
        """,
        subject="Message status - undeliverable",
        sender="Mailer-Daemon@example.org",
    ),
    Sample(
        "SMTPSVC",
        f"""
        This is an automatically generated Delivery Status Notification.

        Delivery to the following recipients failed.

               {ADA}
        """,
        subject="Delivery Status Notification (Failure)",
        sender="postmaster@example.org",
    ),
    Sample(
        "Sun Messaging Server",
        f"""
        This report relates to a message you sent with the following header fields:

          Message-id: <1@example.com>
          Date: Mon, 02 Nov 2026 08:00:00 +0000 (GMT)
          From: News <news@example.com>
          To: someone@example.net
          Subject: Papers

        Your message cannot be delivered to the following recipients:

          Recipient address: {ADA}
          Reason: Remote SMTP server has rejected address
          Diagnostic code: smtp;550 5.1.1 User unknown
          Remote system: dns;mx.example.org (TCP|192.0.2.1|1|192.0.2.7|25)
        """,
        subject="Delivery Notification: Delivery has failed",
        sender="Internet Mail Delivery <postmaster@example.net>",
        codes=("550",),
    ),
    Sample(
        "MDaemon",
        f"""
        The following data may contain sections which represent BASE64 encoded
        file attachments.

        --- Session Transcript ---
         Mon 2026-11-02 08:00:00: Parsing message <c:\\mdaemon\\1.msg>
         Mon 2026-11-02 08:00:01: --> RCPT To:<{ADA}>
         Mon 2026-11-02 08:00:01: <-- 550 <{ADA}>, Recipient unknown
        --- End Transcript ---

        The attached message had PERMANENT fatal delivery errors!
        """,
        subject="MDaemon Warning - permanent delivery failure",
        sender="MDaemon@mx.example.net",
        codes=("550",),
    ),
    Sample(
        "IMail",
        f"""
        Unknown user: {ADA}

        RCPT TO generated following response:
        550 5.1.1 <{ADA}>: unknown user

        Original message follows.
        """,
        subject="Undeliverable Mail",
        sender="Postmaster <postmaster@example.net>",
    ),
    Sample(
        "InterMail",
        f"""
        This Message was undeliverable due to the following reason:

        The user(s) account is disabled.

        {ADA}

        Please reply to Postmaster@example.net
        if you feel this message to be in error.
        """,
        subject="Mail System Error - Returned Mail",
        sender="Mail Administrator <Postmaster@example.net>",
    ),
    Sample(
        "IMSS",
        f"""
        Sent <<< RCPT TO:<{ADA}>
        Received >>> 550 5.1.1 <{ADA}>: user unknown

        Unable to deliver message to <{ADA}>.
        """,
        subject="Mail could not be delivered",
        sender="MAILER-DAEMON@mx.example.net",
        codes=("550",),
    ),
    Sample(
        "MailMarshal",
        f"""
        Your message:
           From:    news@example.com
           Subject: Papers

        Could not be delivered because of

        550 5.1.1 User unknown

        The following recipients were affected:
            {ADA}

        Additional Information
        ======================
        Original Sender:    <news@example.com>
        Sender-MTA:         <192.0.2.1>
        """,
        subject='Undeliverable Mail: "Papers"',
        sender="MailMarshal <postmaster@example.net>",
        codes=("550",),
    ),
    Sample(
        "SurfControl",
        f"""
        Your message could not be sent.
        A transcript of the attempts to send the message follows.
        The number of attempts made: 1
        Addressed To: {ADA}

        Mon 2 Nov 2026 08:00:00 +0000
        Failed to send to identified host,
        {ADA}: [192.0.2.7], 550 No such user
        --- Message non-deliverable.
        """,
        subject="Your message could not be sent",
        sender="SurfControl E-mail Filter <postmaster@example.net>",
        codes=("550",),
    ),
    Sample(
        "MailFoundry",
        f"""
        Unable to deliver message to: <{ADA}>
        Delivery failed for the following reason:
        Server mx.example.org[192.0.2.7] failed with: 550 <{ADA}> No such user here

        This has been a permanent failure.  No further delivery attempts will be made.
        """,
        subject="Message delivery has failed",
        codes=("550",),
    ),
)
