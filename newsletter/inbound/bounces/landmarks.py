"""Landmarks in the text of a bounce: where the returned message begins, and labels that tell whose address follows.

In the form that :func:`newsletter.inbound.bounces.account.fold` gives to texts.
"""

from __future__ import annotations

from newsletter.inbound.bounces.wording import phrases

#: A line that is nothing but one of these, decoration aside, stands above the returned message.
RETURNED_LABELS = frozenset(
    phrases(
        """
        alkuperainen viesti | bounced e-mail | bounced email | bounced mail | bounced message
        cabecalhos da mensagem original | en-tetes de message d'origine | encabezados de mensaje originales
        encabezados del mensaje original | eredeti uzenet | failed message | forwarded message | header | headers
        intestazioni del messaggio originale | mail header | mensagem original | mensaje original | message body
        message content | message contents | message d'origine | message header | message headers | message original
        message text | messaggio originale | non-delivered message | nondelivered message | oorspronkelijk bericht
        opprinnelig melding | oprindelig meddelelse | original e-mail | original email | original headers | original mail
        original message | original message header | original message headers | original-nachricht | originalnachricht
        originele berichtkoppen | orignal message | oryginalna wiadomosc | puvodni zprava | rejected message
        returned headers | returned mail | returned message | the original message | undelivered message | unsent message
        ursprungliche mail | ursprungliche nachricht | ursprungligt meddelande | your original message
        вихідне повідомлення | исходное сообщение | оригинальное сообщение | オリジナルメッセージ | 元のメッセージ
        元のメッセージ ヘッダー | 原始邮件 | 原始邮件标头 | 原始郵件 | 원본 메시지
        """
    )
)

#: A line that begins so stands above the returned message.
RETURNED_BELOW = phrases(
    """
    original message follows | the original message follows | original message header | original message as follows
    original mail as follows | original mail follows | original text follows | below this line is | below is a copy
    below is the original | below is the message | below is the header | below are the headers | this is a copy of
    this is the copy of | here is a copy | a copy of the message | a copy of your message | a copy of the original
    copy of the message | copy of your message | included is a copy | included below is a copy
    included below is the original | included below is your | attached below is | following is a copy
    unsent message follows | unsent message below | undelivered message follows | returned message follows
    returned message is | message headers follow | message header follows | message text follows | message body follows
    message is included below | the header of the original | the headers of the original | the headers of the message
    the message header | header of the original | headers of the original | headers from your message
    the following is a copy | the following are the headers | the text you sent follows | text of the message follows
    text of your message follows | your message follows | your original message follows | your message reads
    the first lines of the message | start of returned message | start of forwarded message | begin forwarded message
    begin message | content of the original | contents of the original | bounced e-mail | bounced message follows
    end of message | im folgenden der originaltext | es folgt die ursprungliche | kopf der ursprunglichen nachricht
    le message original suit | ci-dessous, une copie | a continuacion se incluye | a continuacion, copia
    segue abaixo a mensagem | di seguito il messaggio originale | текст исходного сообщения | текст сообщения
    заголовки исходного сообщения | 以下は元のメッセージ | 以下に元のメッセージ
    """
)

#: Labels of addresses and other things that did not fail.
LABELS_OF_OTHERS = frozenset(
    phrases(
        """
        from | sender | reply-to | return-path | mail from | envelope-from | envelope sender | cc | bcc | date | sent
        subject | message-id | messageid | message id | received | references | in-reply-to | reporting-mta | arrival-date
        sender-mta | url | http | https | link | contact | e-mail us | email us | mailto | von | absender | datum | betreff
        gesendet | de | expediteur | envoye | objet | remitente | enviado | asunto | remetente | assunto | da | mittente
        inviato | oggetto | van | verzonden | onderwerp | fra | afsender | emne | fran | amne | avsandare | lahettaja | aihe
        od | nadawca | temat | от | от кого | отправитель | тема | дата | 差出人 | 送信者 | 件名 | 日時 | 发件人 | 寄件者
        主题 | 主旨 | 보낸사람
        """
    )
)

#: Labels of whom the message was for, who need not be those who failed.
LABELS_OF_ADDRESSEES = frozenset(
    phrases(
        """
        to | an | a | para | til | till | naar | aan | do | dla | komu | vastaanottaja | кому | 宛先 | 收件人 | 收件者
        받는사람
        """
    )
)

#: What is in the labels of those who failed.
LABELS_OF_FAILED = phrases(
    """
    recipient | fail | undeliver | unknown | invalid | reject | refus | addressee | user | mailbox | rcpt | delivered to
    deliver to | message to | mail to | addressed to | could not | unable to | attempts | original address | target | bounce
    intended | not found | full | exceed | empfanger | empfaenger | destinat | usuario | utilisateur | utente | ontvanger
    modtager | mottagare | adresat | получател | адресат | 受信者 | 収信者 | 宛先 | 收件 | 账户 | 邮箱
    """
)

#: What points to somebody who helps, not to somebody who failed.
POINTERS_TO_OTHERS = phrases(
    """
    please contact | contact us | contact your | contact our | or contact | contact support | contact customer | please send
    please write | please e-mail | please email | please mail | please forward | please call | please visit | please see
    please reply | please report | please direct | please refer | send mail to | send e-mail to | send email to
    send an e-mail to | send an email to | mail to us | reach us | assistance | questions | support team | helpdesk
    help desk | reply to this | write to | complain | wenden sie sich | melden sie sich | adressez-vous | veuillez contacter
    contacte con | contacte a | pongase en contacto | entre em contato | contattare | neem contact | kontakt | обратитесь
    свяжитесь | お問い合わせ | 联系
    """
)
