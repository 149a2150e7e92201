"""The words by which mail systems say that a message came back, or that it is late.

In the form that :func:`newsletter.inbound.bounces.account.fold` gives to texts: lower case, single blanks, plain apostrophes,
Latin letters without accents.
"""

from __future__ import annotations


def phrases(lines: str) -> tuple[str, ...]:
    """Take apart what is written below: phrases with `` | `` between them."""
    return tuple(phrase.strip() for line in lines.strip().splitlines() for phrase in line.split("|"))


#: Subjects of mails that came back have one of these in them.
FAILURE_SUBJECTS = phrases(
    """
    undeliver | undelivr | un-deliver | non deliver | non-deliver | nondeliver | not deliver | not be deliver | no se entreg
    returned mail | returned to sender | return to sender | returned message | returning message | returned e-mail
    returned email | mail returned | message returned | failure notice | failure notification | notification of failure
    delivery fail | delivery error | delivery problem | delivery report | delivery status | delivery notification
    delivery has failed | delivery has been | delivery unsuccessful | delivery warning | delivery delay
    delivery of your message | delivery to | deliver failed | mail delivery | mail status report | mail failure
    mail failed | mail error | mail system error | mail could not | mail not sent | message failure | message could not
    message you sent blocked | message status | failed mail | failed message | failed delivery | failed to deliver
    failure delivery | failure sending | unable to deliver | can't deliver | couldn't be delivered | wasn't delivered
    not received by | user unknown | unknown user | unknown recipient | unknown address | invalid recipient
    mailbox unavailable | mailbox full | mailbox is full | quota exceeded | over quota | bounce notification | bounced mail
    bounced message | mail bounce | message bounce | rejected mail | mail rejected | message rejected | rejected message
    postmaster notify | there was an error sending | error sending your | could not send message | cannot send message
    warning: message | delayed mail | mail delayed | message delayed | loop alert | not member | unzustellbar
    nicht zustellbar | nicht zugestellt | nicht ausgeliefert | zustellung fehlgeschlagen | zustellungsfehler
    fehler bei der zustellung | fehlgeschlagene zustellung | ubermittlungsstatus | zustellstatus | non remis | non distribu
    non delivr | echec de la remise | echec de remise | echec d'envoi | remise impossible | notification d'etat de remise
    notification d'echec | no se puede entregar | no se pudo entregar | no entregado | no entregable | error de entrega
    fallo en la entrega | notificacion de estado de entrega | mensaje devuelto | correo devuelto | nao entregue
    nao e possivel entregar | falha na entrega | falha de entrega | notificacao de status de entrega
    nao foi possivel entregar | non recapitabile | mancato recapito | impossibile recapitare | consegna non riuscita
    mancata consegna | notifica dello stato di recapito | niet bestelbaar | onbestelbaar | niet bezorgd
    kan niet worden bezorgd | kunne ikke leveres | ikke leveret | ikke levert | olevererbar | gar inte att leverera
    kunde inte levereras | toimitus epaonnistui | ei voitu toimittaa | niedostarczon | nie mozna dostarczyc
    nie dostarczono | zwrot wiadomosci | nedorucitel | nedorucen | nie je mozne dorucit | kezbesithetetlen
    sikertelen kezbesites | nelivrabil | teslim edilemedi | iletilemedi | недоставленн | не доставлен | недоставка
    невозможно доставить | ошибка доставки | не вдалося доставити | недоставлене | αδυναμία παράδοσης | 配信不能
    配信できません | 配信エラー | 配送できません | 配信されませんでした | 送信エラー | 送信できません | 不達
    送達できません | 未送达 | 无法送达 | 无法投递 | 退信 | 未傳遞 | 無法傳遞 | 无法传递 | 投递失败 | 배달되지 않음 | 반송
    전송 실패 | не може бути доставлен | לא ניתן לשלוח | تعذر التسليم | غير قابل للتسليم
    """
)

#: What the account of a failure says somewhere; a person would hardly write it of something else.
FAILURE_SENTENCES = phrases(
    """
    could not be delivered | couldn't be delivered | cannot be delivered | can not be delivered | can't be delivered
    was not delivered | wasn't delivered | not been delivered | were not delivered | is not deliverable
    not be able to be delivered | undeliverable | undelivered | undeliverd | unable to deliver | unable to be delivered
    not able to deliver | not possible to deliver | could not deliver | couldn't deliver | cannot deliver | can't deliver
    failed to deliver | failed to be delivered | wasn't able to deliver | trouble delivering | problem delivering
    problems delivering | error delivering | error while attempting to deliver
    error has occurred while attempting to deliver | while trying to deliver | delivery failed | delivery failure
    delivery has failed | delivery error | delivery problem | delivery attempt failed | delivery attempts have failed
    delivery of the message failed | delivery of your message failed | delivery to the following
    delivery to these recipients | delivery status notification | delivery notification | delivery report
    failed permanently | permanent failure | permanent error | permanently rejected | fatal error | transcript of session
    transcript of the session | had problems with | problem with the e-mail address | did not reach | didn't reach
    did not receive | incorrectly constructed | loops back to myself | not reached | could not be reached
    could not be sent | couldn't be sent | cannot be sent | was not sent | wasn't sent | unable to send | unable to transfer
    unable to relay | could not send | cannot send | message was rejected | mail was rejected | message has been rejected
    mail has been rejected | sent was rejected | was rejected by | were rejected by | rejected by the server
    rejected recipient | recipient rejected | recipients was rejected | recipients were rejected | refused to accept
    refused your message | has been refused | was refused by | was blocked by | has been blocked | returned to you
    returned to sender | returned to the sender | being returned | being sent back | message has bounced | message bounced
    has been bounced | bounced back | automatic bounce | giving up | given up | failed after i sent | retry timeout exceeded
    retry time exceeded | delivery time expired | no further attempts | no further delivery attempts
    will be deleted from queue | user unknown | unknown user | user not found | user not known | user doesn't exist
    user does not exist | account does not exist | address does not exist | recipient does not exist | recipient unknown
    unknown recipient | recipient not found | recipient name is not recognized | addressee unknown | no such user
    no such recipient | no such mailbox | no such address | no mailbox here by that name | mailbox not found
    mailbox unavailable | mailbox does not exist | mailbox is full | mailbox full | mailfolder is full
    mailbox has exceeded | mailbox exceeds | exceeded the local limit | exceeded storage | quota exceeded | over quota
    exceeds quota | exceeds allowed size | host unknown | unknown host | host not found | unrouteable | unroutable
    invalid recipient | invalid address | invalid mailbox | not a valid user | not listed in | not a valid mailbox
    no valid recipient | address rejected | address(es) failed | addresses failed | address failed | following address had
    following recipient failed | remote host said | the response from the remote server was
    error that the other server returned | failed with: | tried to reach does not exist | not a member of this mailing list
    are not member | duplicated message-id | too many hops | mail loop | hop count exceeded | relaying denied
    konnte nicht zugestellt | konnten nicht zugestellt | nicht zustellbar | nicht zugestellt werden | nicht an folgende
    fehler bei der nachrichtenzustellung | fehler bei der zustellung | die zustellung ist fehlgeschlagen
    zustellung an folgende | ubermittlung an folgende empfanger | erreichte mindestens einen empfanger nicht
    nicht gesendet werden | nicht erreicht | empfanger unbekannt | empfaenger unbekannt | postfach ist voll
    postfach nicht gefunden | echec de la remise | n'a pas pu etre remis | n'a pu etre remis | n'a pas ete remis
    n'a pas pu etre distribue | n'a pas pu etre delivre | n'a pas pu etre livre | n'a pas pu etre envoye
    n'a pas pu etre achemine | n'est pas parvenu | n'a pas atteint | impossible de remettre | impossible de delivrer
    impossible de distribuer | destinataire inconnu | utilisateur inconnu | no se pudo entregar | no se ha podido entregar
    no ha podido ser entregado | no pudo ser entregado | no se puede entregar | no se entrego | no fue entregado
    no se ha entregado | no se pudo enviar | ha fallado la entrega | error en la entrega | error al entregar
    fallo la entrega | usuario desconocido | nao pode ser entregue | nao foi entregue | nao foi possivel entregar
    nao pode ser enviada | falha na entrega | usuario desconhecido | impossibile recapitare | impossibile consegnare
    non e stato recapitato | non e stato possibile recapitare | non e stato consegnato | non e stato possibile consegnare
    non ha raggiunto | consegna non riuscita | mancato recapito | mancata consegna | non puo essere consegnato
    utente sconosciuto | niet worden bezorgd | niet worden afgeleverd | niet afgeleverd | niet bezorgd
    bezorging is mislukt | kunne ikke leveres | ikke leveret | kunne ikke sendes | ble ikke levert | kunde inte levereras
    gick inte att leverera | ei voitu toimittaa | toimittaminen epaonnistui | nie zostala dostarczona
    nie mogla zostac dostarczona | nie mozna dostarczyc | nie udalo sie dostarczyc | nelze dorucit | nebylo mozne dorucit
    nebyla dorucena | nepodarilo se dorucit | se nepodarilo | nem kezbesitheto | nem sikerult kezbesiteni
    nu a putut fi livrat | teslim edilemedi | iletilemedi | δεν ήταν δυνατή η παράδοση | не может быть отправлено
    не может быть доставлено | не было доставлено | не удалось доставить | не доставлено | не удалось отправить
    невозможно доставить | не смогли доставить | недоставленн | ошибка доставки | не може бути доставлен
    не вдалося доставити | 配信できません | 配信できな | 配信されませんでした | 配信に失敗 | 配送できません | 配送に失敗
    配送できな | 配達できません | 送信できません | 送信できな | 送信に失敗 | 送達できません | 届きませんでした
    届けることができません | お届けできません | 不達 | 存在しません | 存在しないか | 宛先不明 | 無法傳遞 | 無法送達
    无法传递 | 无法送达 | 无法投递 | 无法发送 | 投递失败 | 未能送达 | 未能投递 | 退信 | 退回 | 배달할 수 없 | 전달되지 않
    전송하지 못 | لم يتم تسليم | تعذر تسليم | غير موجودة | לא נמסרה
    """
)

#: What is near an address that failed; said of much else too.
FAILURE_STEMS = phrases(
    """
    deliver | unknown | not exist | n't exist | rejected | refused | failed | invalid | not found | no such | quota | exceed
    disabled | inactive | bounce | unable to | could not | couldn't | denied | blocked | no longer | not accept | not reach
    not valid | suspended | expired | deferred | unreachable | returned | nicht | unbekannt | fehler | inconnu | echec
    impossible | pas pu | desconocid | no se pud | no existe | rechazad | sconosciut | nao pode | nao foi | ошиб | недост
    配信 | 送信 | 存在 | 届 | 不明 | エラー | 无法 | 失败 | 退
    """
)

#: What an account says of a message that is still under way …
DELAY_SENTENCES = phrases(
    """
    will keep trying | will continue to be attempted | will continue trying | continue to try | keep trying to deliver
    will be retried | will retry | will try again | attempts will continue | attempts to deliver the message will continue
    delivery attempts will | has been delayed | is delayed | was delayed | been temporarily delayed | delay in the delivery
    delivery delayed | not yet been delivered | not yet delivered | not yet received your message
    has not been delivered yet | hasn't been delivered yet | still undelivered | still being processed | still in the queue
    still trying to deliver | no action is required on your part | this is a warning message only
    this is only a notification about a delay | you do not need to resend | no need to resend
    do not need to resend your message | could not be delivered for the past | delivery temporarily suspended | verzogert
    weitere zustellversuche | wird weiterhin versucht | noch nicht zugestellt | retarde | nouvelles tentatives
    n'a pas encore ete remis | se ha retrasado | aun no se ha entregado | se seguira intentando | esta atrasada
    ainda nao foi entregue | e in ritardo | non e ancora stato | vertraagd | forsenad | forsinket | opoznion | задержано
    задерживается | попытки доставки будут | 配信が遅れ | 配信が遅延 | 再送を試み | 延迟 | 지연
    """
)

#: Subjects of such notices have one of these in them.
DELAY_SUBJECTS = phrases(
    """
    warning: could not send | warning: cannot send | warning: message | delivery delay | delayed | (delay)
    still undelivered | delivery temporarily | mail delivery deferred | verzogert | verzogerung | retarde | retard de remise
    retraso | atraso | ritardo | vertraging | forsenad | forsinke | opozni | задерж | 遅延 | 延迟 | 延遲
    """
)

#: … and what it says only of one that no longer is.
FINAL_SENTENCES = phrases(
    """
    no longer be retried | will not be retried | will not retry | no further attempts | no further delivery attempts
    giving up | given up | gave up | has been abandoned | will be deleted from queue | deleted from the queue
    removed from the queue | permanent error | permanent failure | permanent fatal | failed permanently
    retry timeout exceeded | delivery time expired | message expired | has expired | too long
    could not be delivered within | all retries have failed | delivery has failed | this is a permanent | has been rejected
    """
)

#: Mails of machines for other reasons: they want something of the sender, or tell that somebody is away.
OTHER_SENTENCES = phrases(
    """
    prove that you are human | prove you are human | verify that you are human | verify you are human
    verify that you are a human | you are a real person | you are not a spammer | click the link below to confirm
    click on the link below to | click the following link to | to release your message | to have your message delivered
    requires confirmation | requires verification | awaiting confirmation | pending confirmation
    confirmation of your subscription | confirm your subscription | challenge-response | challenge/response
    approved senders list | approved sender list | allowed senders list | spamarrest | boxbe | tmda
    """
)

#: Their subjects.
OTHER_SUBJECTS = phrases(
    """
    automatic reply | auto reply | auto-reply | autoreply | auto response | auto-response | autoresponse | autoresponder
    automated reply | automated response | out of office | out of the office | out-of-office | on vacation | vacation reply
    away from my mail | abwesenheit | abwesend | automatische antwort | reponse automatique | absence du bureau
    message d'absence | respuesta automatica | fuera de la oficina | resposta automatica | ausencia temporaria
    risposta automatica | fuori sede | automatisch antwoord | afwezig | automatiskt svar | franvaro | automatisk svar
    autosvar | automaattinen vastaus | autoodpowiedz | odpowiedz automatyczna | automaticka odpoved | автоответ | 自動応答
    自動返信 | 不在通知 | 自动回复 | 自動回覆 | 자동 회신 | please confirm | confirm your | challenge
    """
)

#: How a person's answer or forwarding begins its subject.
ANSWER_SUBJECTS = phrases(
    """
    re: | re : | aw: | antw: | sv: | vs: | rv: | odp: | ynt: | 回复: | 回覆: | 答复: | fw: | fwd: | wg: | tr: | i: | enc:
    rif:
    """
)
