"""What filters say: of an address on a list of bad machines, of spam, of a virus, of a rule of the house."""

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

FILTERS: Table = {
    (BounceReason.BLOCKED, Weight.CLEAR): """
        suspected bounce attacks | suspected spam ip | aup in | aup out | aup i | aup o | does not accept mail from ipv4 |
        do not accept mail from hosts | not accept mail from ipv4 | not accept mail from hosts | not accept mail from your ip |
        not accept mail from your server | not accept mail from dynamic | refused mail service | mail from ipv4 |
        mails from ipv4 | email from ipv4 | messages from ipv4 | message from ipv4 | access from ipv4 | connection from ipv4 |
        connections from ipv4 | connect from ipv4 | ipv4 blocked | ipv4 is blocked | ipv4 has been blocked | ipv4 was blocked |
        ipv4 is blacklisted | ipv4 blacklisted | ipv4 is listed | ipv4 listed | ipv4 is on | ipv4 is not allowed |
        ipv4 not allowed | ipv4 is not permitted | ipv4 rejected | ipv4 denied | ipv4 is denied | ipv4 refused |
        ipv4 is banned | ipv4 banned | rejecting ipv4 | host ipv4 | client ipv4 | listed ipv4 | blocked ipv4 | ip ipv4 |
        client host * blocked | client host * blocked using | client host rejected | client host rejected: access denied |
        client host blocked | client ip * blocked | client ip blocked | client ip address * blocked | client ip rejected |
        client rejected | client address rejected | client is blocked | host is blocked | host rejected | host is blacklisted |
        host blacklisted | host not allowed | hosts not permitted | host name rejected | host access denied | helo rejected |
        helo command rejected | helo name rejected | ehlo command rejected | helo invalid | invalid helo | invalid ehlo |
        bad helo | bad ehlo | helo is invalid | helo name is invalid | invalid helo host | helo string rejected |
        helo argument | helo hostname | faked helo | forged helo | need fully-qualified hostname | ip address blacklisted |
        ip address is blacklisted | ip address has been blacklisted | ip address * blacklisted | ip address is black listed |
        ip address * black listed | ip address blocked | ip address has been blocked | ip address is blocked |
        ip address * blocked | ip address * has been blocked | ip address * is blocked | ip address has been rejected |
        ip address rejected | ip address * rejected | ip address denied | ip address is denied | ip address banned |
        ip address is banned | ip address is listed | ip address * listed | ip address * is listed | ip address * on our |
        ip address * refused | ip address listed in | ip address is not allowed | ip address is prohibited |
        ip address * block list | ip address * block | ip addresses are blocked | ip blacklisted | ip blocked | ip is blocked |
        ip is blacklisted | ip is listed | ip listed in | ip * blocked | ip * is blocked | ip * blacklisted |
        ip * is blacklisted | ip * listed | ip * on blacklist | ip * banned | ip * rejected | ip rejected | ip refused |
        ip in blacklist | ip is banned | ip is in black list | ip check failed | ip found in rbl | bad ip | bad source address |
        banned ip | banned sending ip | banned host | blocked ip | blocked ip address | blacklisted ip |
        blacklisted ip address | sender ip rejected | from dynamic | dynamic ip | dynamic ip address | dynamic ip addresses |
        dynamic or residential | residential ip | dynamically assigned | dynamic pool | generic hostname | dynamic hostname |
        blocked by rbl | blocked by dnsbl | blocked by spamhaus | blocked by our | blocked for abuse | blocked for spam |
        blocked due to spam | blocked due to abuse | blocked due to bad | blocked using | block listed | blocklisted |
        black listed | listed in dnsbl | dnsbl reject | rbl restriction | rbl blocked | rbl rejected | realtime blackhole |
        blackhole list | real-time block | zen spamhaus | spamhaus | spamhaus org | spamcop | spamcop net | sorbs | sorbs net |
        b barracudacentral org | cbl abuseat | dsbl org | trendmicro com * reputation * ip | ers trendmicro | mail abuse org |
        senderbase org blocked | access from * denied | access denied from | access denied for ip | access from ip address |
        access from ip | access to this mail system has been rejected | access from your | connection refused by |
        connection reset by peer | connection was refused | connection was dropped by remote host | connection not allowed |
        connection not accepted | connection not authorized | connection denied | connection rejected | connection blocked |
        connection from * rejected | connection from * refused | connection from * denied | connection from * blocked |
        connections from * refused | connections from * blocked | connections from this | connections not accepted |
        connections from your | connections will not be accepted from | connections not accepted from |
        not accepting connections | not accept connections from | not allowed to connect | not allowed to access |
        not permitted to connect | no access from | no access from mail server | refused to talk to me | refuse to talk |
        but connection was refused | refused your connection | smtp connection refused | we do not accept mail from hosts |
        we do not accept connections | we don't accept connections | refusing mail from | refusing connection |
        mail from * blocked | mail from your ip | mail from this host | mail server * blocked | mail server is blocked |
        mail server is listed | mail server has been blocked | server is not allowed | server has been blocked |
        server is blacklisted | your mail server is blacklisted | your mailserver | your email has been blocked |
        your e-mail is redundant | bogus mta | bad sending host | rejecting open proxy | open proxy | proxy detected |
        invalid ip for sending | invalid ip for sending mail of domain | unauthorized host | unacceptable client |
        unacceptable host | domain does not exist * your host | because of bounce spam | error: no access |
        temporarily blocked | temporarily blocked for | dictionary attack | geo block | not allowed to send to this server |
        esmtp not accepting | banned from sending | blocked by the receiving | permanently deferred |
        resources temporarily restricted | all messages from * will be permanently deferred | for spamming issues |
        will not be accepted from this | rejected by cloudmark | cloudmark sender intelligence | csi cloudmark
    """,
    (BounceReason.BLOCKED, Weight.LIKELY): """
        blacklisted | host * blocked | heloname | ip listed | ip denied | sender ip | sender ip address | sender's ip |
        sending ip | sending server | sending mta | sending system | from ip address | from your ip | from your ip address |
        from your mail server | from your server | from your host | from your network | from your system | from your location |
        from this ip | from that ip | from this host | from this server | dynamic address | dynamic/residential | dialup |
        dial-up | dul | pbl | block list | block-listed | blacklist | listed at | listed by | listed in | listed on | dnsbl |
        rbl | blackholed | sbl | xbl | barracudacentral | abuseat | psbl | uceprotect | backscatterer | surriel | invaluement |
        njabl | ordb | mailspike | spamrats | nixspam | manitu | hostkarma | access has been denied | connection refused |
        connection reset | connection dropped | refused connect from | server ip address | server's ip | your server | your ip |
        your ip address | your host | your host is | your network | your mail server | your system | remote host |
        no response from virtual host | bl | has been blocked by | country | country is blocked | geographic | firewall |
        rule * ip
    """,
    (BounceReason.SPAM_DETECTED, Weight.CERTAIN): """
        spam message | spam message rejected | spam message discarded | spam detected | spam mail | spam mail detected |
        spam mail refused | spam email | spam email not accepted | spam content | spam content found | spam content detected |
        spam filter | spam filtering | spam filtered | spam firewall | spam found | spam identified | spam is not accepted |
        spam not accepted | spam not allowed | spam reject | spam rejected | spam rejection | spam refused | spam score |
        spam score too high | spam source | spam suspected | spam like | spam like characteristics | spam probability |
        spam points | spam threshold | spam signature | spam policy | spam blocked | spam check | spam classification |
        spam trap | spam url | spam urls | spam link | spam assassin | spam assassin score | spamming not allowed |
        spam or virus | anti-spam filter | anti-spam system | antispam system | antispam engine | junk mail |
        junk mail rejected | bulk email filter | unsolicited mail | unsolicited email | unsolicited bulk |
        unsolicited bulk email | unsolicited commercial | likely unsolicited mail | suspected phishing | likely spam |
        possible spam | probable spam | probably spam | suspected spam | identified as spam | classified as spam |
        recognized as spam | recognised as spam | considered as spam | considered spam | considered to be spam |
        detected as spam | detected spam | flagged as spam | marked as spam | tagged as spam | judged as spam |
        treated as spam | reported as spam | determined to be spam | appears to be spam | appears to be unsolicited |
        seems to be spam | looks like spam | looks spammy | resembles spam | contains spam | contain spam | as spam by |
        this is spam | message is spam | message looks like spam | message was considered spam |
        message was identified as spam | message rejected as spam | message refused by mailmarshal spamprofiler |
        message content rejected | content rejected | content rejected due to | content is spam | blocked as spam |
        blocked by spam | blocked by spamassassin | blocked by our spam | blocked for spamming |
        because it was identified as spam | surbl | uribl | uribl com | dbl spamhaus | in surbl | in uribl | multi surbl |
        contains a url | url listed | message contains a url | blacklisted url | blacklisted link |
        rejected by content scanner | rejected by content filter | rejected due to content | high probability of spam |
        high spam score | hits required | mail content denied | message content is not acceptable | mail appears to be |
        content filter | deemed to be spam | refused: spam | mail rejete | rejected: spam | symantec brightmail |
        sender has been reported | p blockedmessage | p unsolicitedmessageerror | unsolicitedmessageerror | considered bulk
    """,
    (BounceReason.SPAM_DETECTED, Weight.LIKELY): """
        spam | spamassassin | spamd | spamming | spamminess | spammy | antispam | anti-spam | junk | junkmail | ube | uce |
        bulk email | bulk mail | unsolicited | phishing | phish | scam | fraud | is spam | bayes | razor | pyzor | dcc |
        url in | body contains | score too high | mail content | message content | spamcheck | cloudmark | mailguard |
        spamware | commtouch
    """,
    (BounceReason.VIRUS_DETECTED, Weight.CERTAIN): """
        virus detected | virus found | virus infected | virus infected message | virus infected message rejected |
        virus rejected | virus discovered | virus warning | contains a virus | contains virus | contained a virus |
        contains viruses | infected | infected message | infected with | infected attachment | is infected | malware detected |
        malicious content | malicious software | malicious code | has been infected | message contains a virus |
        this message contains malware | trend micro emanager | message contains a file type |
        potentially executable attachment | scanned and a virus | email rejected due to security policies | mcspamsignature
    """,
    (BounceReason.VIRUS_DETECTED, Weight.LIKELY): """
        virus | virus in | viruses | malware | malicious | trojan | worm | clamav | clamd | eicar | dangerous content
    """,
    (BounceReason.POLICY_VIOLATION, Weight.CLEAR): """
        policy violation | policy violations | policy rejection | policy reasons | for policy reasons | due to policy |
        due to policy reasons | due to local policy | due to security policy | due to content restrictions |
        due to administrative prohibition | administrative prohibition | administratively prohibited | administratively denied |
        local policy | local policy violation | by local policy | site policy | company policy | corporate policy |
        organization policy | organizational policy | security policy | security policies | security policy violation |
        policy does not allow | policy prohibits | policy that prohibited | policy that prohibits | has a policy that |
        policy reject | policy restrictions | against policy | against our policy | violates policy | violates local policy |
        violates our policy | violates the policy | violated policy | violation of policy | violation of local policy |
        violated * policy | violates * policy | not in accordance with policy | rejected by policy | rejected by local policy |
        rejected by administrator | rejected by security policy | rejected by an administrator's policy | rejected for policy |
        rejected due to policy | rejected due to security | rejected by header | rejected by body | rejected by rule |
        rejected by system policy | blocked by policy | blocked by administrator | blocked due to policy |
        blocked due to security | blocked by transport rule | denied by policy | denied by policy rule | denied by secumail |
        header error | disallowed attachment | prohibited attachment | prohibited file | attachment not allowed |
        attachment is not allowed | attachment type not allowed | attachments are not allowed | attachment blocked |
        attachment with extension | attachment extension | blocked attachment | forbidden attachment | banned attachment |
        banned file | banned content | banned filename | banned extension | executable attachment | executable content |
        file type not allowed | filename extension | contains attachment | contains a forbidden | contains prohibited |
        contains executable | encrypted attachment | password protected | potential security issue |
        content presents a potential | illegal attachment | unacceptable attachment | dangerous attachment | prohibited by |
        you have exceeded the * receive allowance | closed mailing | closed network | closed system | organisation's policy |
        message not accepted for policy reasons | not accepted for policy reasons | delivery not authorized message refused |
        message refused * policy | protection rules | extern not allowed | external senders are not allowed |
        external mail not allowed | we do not accept messages containing images | the email message contained banned |
        http pages of policy | no bulk mail | does not comply with policy | use of restricted | not allowed by policy |
        mail rejected by windows live hotmail for policy reasons | email not accepted for policy reasons |
        message blocked due to | mailbox policy | rejected: policy
    """,
    (BounceReason.POLICY_VIOLATION, Weight.LIKELY): """
        by policy | per policy | content policy | email policy | mail policy | message policy | attachment type |
        attachment name | file extension | rule imposed | protected by | policy | message content denied |
        message rejected by administrator | blocked by | not allowed to send
    """,
}
