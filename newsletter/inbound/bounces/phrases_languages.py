"""The same in other languages: German, French, Spanish, Italian, Portuguese, Dutch, Russian, Japanese, Chinese and more."""

# ruff: noqa: RUF001 - letters that look like Latin ones are what these languages are written in

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

LANGUAGES: Table = {
    (BounceReason.USER_UNKNOWN, Weight.CLEAR): """
        empfänger unbekannt | empfaenger unbekannt | empfänger nicht gefunden | empfänger existiert nicht |
        empfänger wurde nicht gefunden | unbekannter empfänger | unbekannter empfaenger | unbekannter benutzer |
        unbekannte empfängeradresse | unbekannte adresse | benutzer unbekannt | benutzer existiert nicht |
        benutzer nicht gefunden | benutzer * nicht bekannt | adresse unbekannt | adresse existiert nicht |
        adresse * existiert nicht | adresse wurde nicht gefunden | adresse konnte nicht gefunden werden |
        e-mail-adresse * nicht gefunden | e-mail-adresse existiert nicht | e-mail-adresse * nicht vorhanden |
        ungültige empfängeradresse | ungültiger empfänger | postfach existiert nicht | postfach unbekannt |
        postfach nicht vorhanden | konto existiert nicht | nicht im empfänger verzeichnis | nicht im domino verzeichnis |
        nicht im domino directory | nicht im * verzeichnis | utilisateur inconnu | utilisateur inexistant |
        utilisateur n'existe pas | destinataire inconnu | destinataire invalide | destinataire inexistant |
        destinataire introuvable | destinataire n'existe pas | destinataires inconnus | adresse destinataire invalide |
        adresse inconnue | adresse * inconnue | adresse invalide | adresse inexistante | adresse n'existe pas |
        adresse e-mail introuvable | adresse introuvable | adresse * introuvable | compte inexistant | compte n'existe pas |
        boîte aux lettres inconnue | boîte aux lettres inexistante | boite inconnue | cet utilisateur n'existe pas |
        n'est pas répertorié dans | usuario desconocido | usuario no existe | usuario inexistente | usuario no encontrado |
        usuario invalido | destinatario desconocido | destinatario no existe | destinatario no encontrado |
        destinatario inexistente | destinatario no válido | cuenta no existe | cuenta inexistente | la cuenta * no existe |
        buzón no existe | buzon inexistente | el buzón * no existe | dirección no existe | dirección desconocida |
        direccion * no existe | no se encontró la dirección | no se ha encontrado la dirección |
        no se encuentra en el directorio | la dirección * no se encontró | utente sconosciuto | utente inesistente |
        utente non trovato | utente non esiste | utente non valido | destinatario sconosciuto | destinatario inesistente |
        destinatario non trovato | destinatario non valido | destinatario non esiste | casella inesistente |
        casella non esistente | casella * inesistente | casella postale inesistente | casella * non esiste |
        indirizzo inesistente | indirizzo sconosciuto | indirizzo non trovato | indirizzo * non trovato | indirizzo non valido |
        account inesistente | usuário desconhecido | usuário não existe | usuário não encontrado | usuario inexistente no |
        utilizador desconhecido | utilizador não existe | destinatário desconhecido | destinatário não existe |
        destinatário não encontrado | destinatário inválido | caixa postal inexistente | caixa postal não existe |
        caixa de correio não existe | caixa postal desconhecida | conta inexistente | conta não existe |
        conta de e-mail * não existe | endereço não encontrado | endereço inexistente | endereço não existe |
        endereço * não foi encontrado | onbekende gebruiker | gebruiker onbekend | gebruiker bestaat niet |
        onbekende ontvanger | ontvanger onbekend | adres bestaat niet | adres niet gevonden | adres onbekend | okänd mottagare |
        okänd användare | mottagaren finns inte | adressen finns inte | adressen hittades inte | ukendt modtager |
        ukendt bruger | ukjent bruker | ukjent mottaker | tuntematon vastaanottaja | tuntematon käyttäjä | nieznany użytkownik |
        nieznany odbiorca | użytkownik nie istnieje | użytkownik nieznany | odbiorca nie istnieje | konto nie istnieje |
        adres nie istnieje | nie ma takiego użytkownika | nie znaleziono adresu | uživatel neexistuje | neznámý uživatel |
        neznámý příjemce | adresa neexistuje | schránka neexistuje | ismeretlen címzett | ismeretlen felhasználó |
        utilizator necunoscut | utilizator inexistent | kullanıcı bulunamadı | kullanıcı yok | bilinmeyen kullanıcı |
        alıcı bulunamadı | adres bulunamadı | пользователь не найден | пользователь * не найден | пользователь не существует |
        пользователя не существует | неизвестный пользователь | нет такого пользователя | нет такого ящика |
        такого пользователя нет | такого пользователя не существует | такого адреса не существует | такого ящика нет |
        такой почтовый ящик не существует | почтовый ящик не существует | почтовый ящик не найден | ящик не существует |
        ящик не найден | адрес не найден | адрес не существует | адрес * не существует | адреса не существует |
        адресат не найден | неизвестный получатель | неизвестный адрес | получатель не найден | получатель не существует |
        недействительный адрес | несуществующий адрес | несуществующий почтовый | недоступен или не существует |
        учетная запись не существует | користувача не знайдено | невідомий користувач | 存在しません | 存在しない |
        見つかりません | 見つかりませんでした | 宛先不明 | 宛先が不明 | 宛先アドレスが不明 | 宛先が見つかり |
        ユーザーが見つかりません | ユーザ不明 | ユーザが不明 | ユーザーが不明 | アドレスが見つかりません |
        アドレスが存在しません | メールアドレスが見つかり | 该用户不存在 | 用户不存在 | 用户不存 | 收件人不存在 |
        收件人地址不存在 | 收件人邮件地址不存在 | 收件人邮箱不存在 | 收件人账号不存在 | 收件人帐号不存在 | 无此用户 |
        没有此用户 | 没有这个用户 | 找不到收件人 | 找不到该用户 | 找不到用户 | 找不到地址 | 找不到邮箱 | 邮箱不存在 |
        邮箱账号不存在 | 邮件地址不存在 | 地址不存在 | 帐号不存在 | 账号不存在 | 账户不存在 | 使用者不存在 | 收件者不存在 |
        找不到收件者 | 信箱不存在 | 帳號不存在 | 不存在或 | 사용자를 찾을 수 없습니다 | 존재하지 않는 사용자 | 존재하지 않는 |
        존재하지 않습니다 | 수신자를 찾을 수 없 | 주소를 찾을 수 없음
    """,
    (BounceReason.HAS_MOVED, Weight.CLEAR): """
        neue adresse lautet | nouvelle adresse est | nueva dirección es | nuovo indirizzo è | novo endereço é |
        メールアドレスが変更 | アドレスを変更 | 新地址为 | новый адрес
    """,
    (BounceReason.HOST_UNKNOWN, Weight.CLEAR): """
        unbekannte domain | domain unbekannt | domain existiert nicht | domain * existiert nicht | domain nicht gefunden |
        domain * nicht gefunden | domäne nicht gefunden | domäne * nicht gefunden | host unbekannt | domaine inconnu |
        domaine inexistant | domaine introuvable | domaine * introuvable | domaine n'existe pas | hôte inconnu |
        dominio desconocido | dominio no existe | dominio inexistente | dominio * no existe | no se encontró el dominio |
        dominio inesistente | dominio sconosciuto | dominio non trovato | dominio * non esiste | domínio não existe |
        domínio não encontrado | domínio * não existe | domein onbekend | domein bestaat niet | nie ma takiej domeny |
        домен не найден | домен не существует | домен * не существует | домена не существует | неизвестный домен |
        узел не найден | ドメインが見つかり | ドメインが存在しません | ホストが見つかり | 域名不存在 | 域名无法解析 |
        域名解析失败 | 域名解析错误 | 找不到域 | 無此網域
    """,
    (BounceReason.MAILBOX_FULL, Weight.CLEAR): """
        postfach voll | postfach ist voll | postfach des empfängers ist voll | postfach * voll | mailbox voll |
        mailbox ist voll | mailbox * voll | speicherplatz überschritten | speicherplatz * erschöpft | speicher voll |
        kontingent überschritten | quota überschritten | boîte pleine | boîte aux lettres pleine | boîte aux lettres * pleine |
        boîte de réception est pleine | boîte du destinataire pleine | boite * pleine | quota dépassé | quota * dépassé |
        espace * insuffisant | espace disque | buzón lleno | buzón está lleno | buzón * lleno | buzón de correo lleno |
        bandeja de entrada * llena | cuota excedida | cuota superada | ha superado la cuota | excedido su cuota |
        excedió la cuota | casella piena | casella * piena | casella di posta piena | quota superata | spazio esaurito |
        spazio insufficiente | caixa postal cheia | caixa postal lotada | caixa postal * cheia | caixa de entrada cheia |
        caixa de correio cheia | caixa de correio * cheia | caixa cheia | caixa lotada | cota excedida | cota ultrapassada |
        quota excedida | postvak vol | postvak is vol | mailbox is vol | brevlådan är full | skrzynka * pełna | skrzynka pełna |
        skrzynka odbiorcza * pełna | przekroczony limit | schránka je plná | posta kutusu dolu | kotası doldu |
        ящик переполнен | ящик * переполнен | ящик заполнен | почтовый ящик переполнен | почтовый ящик полон | превышена квота |
        превышен лимит * ящика | квота превышена | переполнен | メールボックスが一杯 | メールボックスがいっぱい |
        メールボックスの容量 | メールボックスが満杯 | 受信トレイがいっぱい | 容量を超え | 容量超過 | 容量オーバー | 容量制限 |
        邮箱已满 | 邮箱空间已满 | 邮箱空间不足 | 邮箱容量 | 邮箱已超 | 收件箱已满 | 收件人邮箱已满 | 收件人邮箱空间不足 |
        空间不足 | 空间已满 | 容量已满 | 容量不足 | 超出容量 | 超出配额 | 超过配额 | 信箱已滿 | 信箱容量 | 空間不足 |
        메일함이 가득 | 편지함이 가득 | 용량이 초과 | 용량 초과
    """,
    (BounceReason.SUSPEND, Weight.CLEAR): """
        konto deaktiviert | konto ist deaktiviert | konto gesperrt | konto ist gesperrt | postfach deaktiviert |
        postfach gesperrt | postfach ist gesperrt | mailbox deaktiviert | mailbox gesperrt | compte désactivé |
        compte suspendu | compte bloqué | compte inactif | compte * désactivé | compte * suspendu | compte * bloqué |
        compte du destinataire est bloqué | boîte désactivée | boite archivee | boîte * archivée | bloqué pour inactivité |
        cuenta deshabilitada | cuenta desactivada | cuenta suspendida | cuenta bloqueada | cuenta inactiva |
        cuenta * suspendida | cuenta * inactiva | buzón deshabilitado | account disabilitato | account sospeso |
        account bloccato | casella sospesa | casella disabilitata | casella disattivata | utente disabilitato | utente sospeso |
        conta desativada | conta suspensa | conta bloqueada | conta inativa | usuário desativado | usuário inativo |
        usuário suspenso | caixa postal inativa | caixa postal bloqueada | account geblokkeerd | konto zablokowane |
        konto nieaktywne | konto * zablokowane | аккаунт заблокирован | аккаунт отключен | аккаунт * заблокирован |
        пользователь заблокирован | ящик заблокирован | ящик * заблокирован | ящик отключен | ящик неактивен |
        учетная запись отключена | учетная запись заблокирована | アカウントが無効 | アカウントは無効 | アカウントが停止 |
        利用停止 | 一時停止 | 受信拒否設定を | 账号被禁用 | 账号已禁用 | 帐号被禁用 | 帐号已禁用 | 帐号已停用 | 账号已停用 |
        账号被停用 | 账号被锁定 | 邮箱已停用 | 邮箱已禁用 | 邮箱被冻结 | 邮箱被禁用 | 用户已被禁用 | 用户被禁用 | 用户被锁定 |
        已被停用 | 已经停用 | 已被禁用 | 已被冻结 | 停用 | 사용이 중지 | 휴면 계정 | 정지된 계정
    """,
    (BounceReason.FILTERED, Weight.CLEAR): """
        vom empfänger abgelehnt | empfänger akzeptiert keine | refusé par le destinataire | rechazado por el destinatario |
        rifiutato dal destinatario | recusado pelo destinatário | отклонено получателем | 受信拒否 | 受信を拒否 | 指定受信 |
        收件人拒收 | 收件人拒绝 | 被收件人拒 | 拒收
    """,
    (BounceReason.REJECTED, Weight.CLEAR): """
        absender abgelehnt | absenderadresse abgelehnt | absender nicht erlaubt | absender gesperrt | absender unbekannt |
        unbekannter absender | ungültiger absender | expéditeur refusé | expéditeur invalide | expéditeur inconnu |
        expéditeur * refusé | emetteur invalide | émetteur refusé | adresse d'émetteur | remitente rechazado |
        remitente no válido | remitente desconocido | remitente no autorizado | remitente bloqueado | mittente rifiutato |
        mittente non valido | mittente non autorizzato | mittente bloccato | remetente rejeitado | remetente inválido |
        remetente bloqueado | remetente desconhecido | remetente não autorizado | afzender geweigerd | отправитель отклонен |
        отправитель заблокирован | отправитель не найден | адрес отправителя отклонен | 発信者 | 送信者が拒否 | 投稿する権限 |
        发件人被拒 | 发件人被拒绝 | 发件人在黑名单 | 发件人地址 | 发件人域名 | 发信域名 | 寄件者
    """,
    (BounceReason.BLOCKED, Weight.CLEAR): """
        ip-adresse gesperrt | ip-adresse * gesperrt | ip-adresse * blockiert | zugriff verweigert | verbindung abgelehnt |
        server * gesperrt | schwarzen liste | adresse ip source bloquée | adresse ip * bloquée | adresse ip bloquée |
        accès refusé | connexion refusée | liste noire | dirección ip bloqueada | ip bloqueada | acceso denegado | lista negra |
        conexión rechazada | indirizzo ip bloccato | ip bloccato | accesso negato | connessione rifiutata | lista nera |
        endereço ip bloqueado | ip bloqueado | acesso negado | lista de bloqueio | czarnej liście | доступ с ip |
        доступ запрещен | ip * заблокирован | заблокирован ip | в черном списке | черный список | блеклист | ブラックリスト |
        接続を拒否 | 接続拒否 | 黑名单 | 连接被拒绝 | 拒绝连接 | ip被拒绝 | ip地址被 | ip已被 | 封禁
    """,
    (BounceReason.SPAM_DETECTED, Weight.CERTAIN): """
        als spam | spam erkannt | spam eingestuft | unter spamverdacht | spamverdacht | unerwünschte werbung |
        considéré comme spam | considéré comme du spam | comme spam | courrier indésirable | message indésirable | mail rejete |
        como spam | correo no deseado | correo basura | come spam | posta indesiderata | lixo eletrônico | ongewenste e-mail |
        спам | похоже на спам | как спам | 迷惑メール | スパム | 垃圾邮件 | 垃圾信息 | 反垃圾 | 垃圾郵件 | 被判为垃圾 |
        广告邮件 | 스팸
    """,
    (BounceReason.VIRUS_DETECTED, Weight.CERTAIN): """
        virus gefunden | virus erkannt | virus enthält | schadsoftware | virus détecté | contient un virus | virus detectado |
        contiene un virus | virus rilevato | contém vírus | вирус | ウイルス | ウィルス | 病毒
    """,
    (BounceReason.POLICY_VIOLATION, Weight.CLEAR): """
        richtlinie | gegen die richtlinien | richtlinien verletzt | politique de sécurité | règles de sécurité |
        política de seguridad | política de segurança | políticas de | política local | politica di sicurezza |
        политик безопасности | политикой безопасности | ポリシー | 违反策略 | 策略拒绝 | 安全策略 | 内容含有 | 禁止内容
    """,
    (BounceReason.AUTH_FAILURE, Weight.CERTAIN): """
        spf prüfung | spf überprüfung | échec spf | fallo spf | verificación spf | verifica spf | falha spf |
        falha na verificação spf | проверка spf | spf验证 | dkim验证 | dmarc验证 | 未通过spf | 未通过dmarc
    """,
    (BounceReason.MESG_TOO_BIG, Weight.CLEAR): """
        nachricht zu groß | nachricht ist zu groß | mail zu groß | e-mail ist zu groß | überschreitet die maximale größe |
        maximale nachrichtengröße | message trop volumineux | message trop gros | taille maximale | taille du message |
        mensaje demasiado grande | tamaño máximo | tamaño del mensaje | messaggio troppo grande | dimensione massima |
        dimensioni del messaggio | mensagem muito grande | tamanho máximo | tamanho da mensagem | bericht te groot |
        wiadomość jest za duża | слишком большой размер | размер письма превышает | размер сообщения превышает |
        сообщение слишком большое | письмо слишком большое | サイズが大きすぎ | メッセージサイズ | メールサイズ | サイズ制限 |
        邮件太大 | 邮件过大 | 邮件大小超 | 信件过大 | 超过大小限制 | 郵件太大
    """,
    (BounceReason.EXPIRED, Weight.CLEAR): """
        zeitüberschreitung | verbindung * zeitüberschreitung | konnte nicht rechtzeitig | zustellung verzögert |
        noch nicht zugestellt | wird weiterhin versucht | server antwortet nicht | délai dépassé | délai expiré |
        délai d'attente | remise retardée | tiempo de espera | tiempo agotado | entrega retrasada | se ha retrasado |
        tempo scaduto | timeout scaduto | consegna ritardata | tempo esgotado | tempo limite | entrega atrasada |
        превышено время ожидания | время ожидания истекло | не удалось доставить в течение | доставка задержана |
        задержка доставки | タイムアウト | 配信が遅延 | 配信遅延 | 连接超时 | 超时 | 投递超时 | 發送逾時 | 시간 초과
    """,
    (BounceReason.SPEEDING, Weight.CERTAIN): """
        zu viele nachrichten | zu viele mails | zu viele empfänger | trop de messages | trop de destinataires |
        demasiados mensajes | demasiados destinatarios | troppi messaggi | troppi destinatari | muitas mensagens |
        muitos destinatários | слишком много писем | слишком много сообщений | слишком много получателей |
        превышен лимит отправки | превышено количество | 送信数制限 | 流量制限 | 发送频率 | 频率过高 | 发信频率 | 频率超过 |
        发送过快
    """,
    (BounceReason.TOO_MANY_CONN, Weight.CERTAIN): """
        zu viele verbindungen | trop de connexions | demasiadas conexiones | troppe connessioni | muitas conexões |
        слишком много соединений | 同時接続 | 接続数 | 连接数 | 连接过多 | 并发连接
    """,
    (BounceReason.NO_RELAYING, Weight.CLEAR): """
        relay verweigert | relay nicht erlaubt | relay refusé | relais refusé | relay denegado | relay negato | relay negado |
        relay não permitido | 中継を拒否 | 中継は許可 | 拒绝转发 | 不允许转发 | 拒绝中继
    """,
    (BounceReason.NETWORK_ERROR, Weight.CLEAR): """
        mail-schleife | mailschleife | boucle de messagerie | bucle de correo | петля | メールループ | 邮件循环 | ループ
    """,
    (BounceReason.SYSTEM_ERROR, Weight.LIKELY): """
        interner fehler | systemfehler | serverfehler | erreur interne | erreur système | error interno | error del sistema |
        errore interno | errore di sistema | erro interno | erro de sistema | внутренняя ошибка | системная ошибка |
        ошибка сервера | システムエラー | 内部エラー | 系统错误 | 内部错误 | 系统繁忙 | 服务器错误 | 系統錯誤
    """,
    (BounceReason.ON_HOLD, Weight.VAGUE): """
        versuchen sie es später | veuillez essayer plus tard | veuillez réessayer | inténtelo más tarde | riprovare più tardi |
        tente novamente mais tarde | попробуйте позже | повторите попытку позже | しばらくして | 稍后再试 | 稍后重试
    """,
}
