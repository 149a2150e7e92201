# ruff: noqa: RUF001 - the words of other scripts have letters that look like Latin ones
"""The words by which mail programs introduce what is answered, in the languages they speak; all in small letters."""

from __future__ import annotations

import re

from newsletter.inbound.reading.phrases import phrases

#: "wrote", as it stands somewhere in a line that introduces a quoted text.
WROTE = phrases("""
    wrote | writes: | schrieb | geschrieben: | schreef | geschreven: | a écrit | a ecrit | escribió | escribio
    | escreveu | ha scritto | va escriure | a scris | skrev | skrifaði | kirjoitti | napisał | pisze: | napsal | píše:
    | napísal | írta | napisao | napisal | пишет | писал | пише | напис | έγραψε | yazdı | yazmış
    | 写道 | 寫道 | 写到 | のメール | 書きました | が書き込みました | のメッセージ
    | كتابة | 님이 작성 | 작성: | đã viết | menulis | เขียน | כתב | كتب
    """)
#: How such a line begins, also where it is folded: a word before a date, a date, or a name before an address.
LEAD_IN = re.compile(
    r"(?:on|am|at|le|el|il|em|op|den|på|pe|dne|dňa|dnia|w dniu|u|la|pada|vào|в|на|στις|a|mon|tue|wed|thu|fri|sat|sun"
    r"|lun|mar|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|пн|вт|ср|чт|пт|сб|вс|ma|di|wo|do|vr|za|zo|ti|ke|to|su)\b[^\n]{0,40}\d"
    r"|[在於于][^\n]{0,40}\d|\d{4}\s?[-/.年년]\s?\d|\d{1,2}\s?[-/.]\s?\d|\"?[^<>\n]{1,60}<[^<>\s]{1,100}@",
    re.IGNORECASE,
)
#: Whole lines above a mail that is sent on, without their colon.
FORWARDED = frozenset(
    phrases("""
    anfang der weitergeleiteten nachricht | begin doorgestuurd bericht | begin forwarded message
    | début du message réexpédié | début du message transféré | inicio del mensaje reenviado
    | inizio messaggio inoltrato | início da mensagem encaminhada | начало переадресованного сообщения | 以下是转发的邮件
    | 転送されたメッセージ | 转发的邮件 | 開始轉寄郵件
    """)
)
#: How lines begin that programs put under a mail.
FOOTER_STARTS = phrases("""
    sent from my | sent from mail for | sent from yahoo | sent from outlook | sent from proton | sent from gmail
    | sent from samsung | sent from a | sent from the | sent via | sent with | sent using | get outlook for
    | get bluemail | get typeapp | download proton | gesendet von | gesendet mit | gesendet aus | gesendet über
    | holen sie sich outlook | laden sie outlook | envoyé de mon | envoyé de ma | envoyé depuis | envoyé à partir
    | envoyé avec | envoye de mon | envoyé via | télécharger outlook | téléchargez outlook | obtenez outlook
    | enviado desde | enviado do | enviado da | enviado de mi | enviado de meu | enviado a partir | enviado con
    | enviado com | obtener outlook | obter o outlook | inviato da | inviato dal | inviato con | ottieni outlook
    | verzonden vanaf | verzonden met | verzonden via | verstuurd vanaf | verstuurd met | outlook voor | skickat från
    | hämta outlook | sendt fra | hent outlook | få outlook | lähetetty | hanki outlook | wysłane z | wysłano z
    | pobierz outlook | odesláno z | odoslané z | získejte outlook | elküldve | trimis de pe | trimis din | отправлено с
    | отправлено из | скачайте outlook | надіслано з | στάλθηκε από | εστάλη από | gửi từ | dikirim dari | 发自我的 | 發自我的
    | 发自 | 来自我的 | 從我的 | 获取outlook | 获取 outlook | 取得 outlook | outlook for ios | outlook for android
    | تم الإرسال من | أرسلت من | أُرسلت من | مرسل من | outlook für ios | outlook für android
    """)
#: How such lines end.
FOOTER_ENDS = phrases("""
    から送信 | から送信されました | で送信 | 에서 보냄 | 에서 전송함
    | umdan gönderildi | imden gönderildi | üzerinden gönderildi
    """)
#: How such lines begin and end, where neither says enough.
FOOTER_FRAMES = (
    ("von mein", "gesendet"),
    ("diese nachricht wurde", "gesendet"),
    ("ce message a été envoyé depuis", ""),
    ("由", "发送"),
    ("나의", "보냄"),
    ("나의", "전송"),
)
#: Names of the field that says who wrote the mail that is answered.
FROM_LABELS = frozenset(
    phrases("""
    absender | afzender | da | dari | de | din | expeditor | expéditeur | feladó | fra | from | från | gönderen | kimden
    | lähettäjä | mittente | od | remetente | remitente | sender | từ | van | von | από | від | от | מאת | من | 发件人
    | 寄件人 | 寄件者 | 差出人 | 發件人 | 送信者 | 보낸 사람 | 보낸사람
    """)
)
#: Names of the other fields that stand beside it.
OTHER_LABELS = frozenset(
    phrases("""
    a | aan | aihe | an | antwort an | assunto | asunto | betreff | cc | chủ đề | címzett | către | data | date
    | date d'envoi | dato | datum | do | dw | dátum | emne | enviada em | enviado | enviado el | envoyé | envoyé le
    | fecha | gesendet | gönderildi | gửi | importance | inviato | inviato il | kepada | kime | komu | konu | kopie
    | küldve | lähetetty | objet | odesláno | odoslané | oggetto | onderwerp | para | predmet | päiväys | předmět
    | reply-to | répondre à | sendt | sent | skickat | subiect | subject | subjek | tarih | temat | til | till | to
    | trimis | tárgy | vastaanottaja | verzonden | wysłane | wysłano | à | ämne | đến | ημερομηνία | θέμα | προς
    | στάλθηκε | дата | кому | копия | копія | надіслано | отправлено | тема | אל | נושא | إلى | الموضوع | 主旨 | 主題 | 主题
    | 件名 | 傳送時間 | 副本 | 发送时间 | 宛先
    | 寄件日期 | 抄送 | 收件人 | 收件者 | 日付 | 日時 | 日期 | 时间 | 發送時間
    | 送信日時 | 날짜 | 받는 사람 | 받는사람 | 보낸 날짜
    | 제목 | 참조
    """)
)
