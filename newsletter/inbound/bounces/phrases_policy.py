"""What servers say against the sender, its machine, its domain's records or what the message holds."""

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

SENDER: Table = {
    (BounceReason.AUTH_FAILURE, Weight.CERTAIN): """
        spf check failed | spf checks failed | spf fail | spf failed | spf failure | spf hardfail | spf hard fail |
        spf softfail | spf record with a hard fail | spf record * hard fail | spf validation failed | spf verification failed |
        spf validation error | spf authentication failed | spf unauthorized mail is prohibited | spf reject | spf rejected |
        spf record does not | spf record check failed | spf: not authorized | spf permerror | spf sender invalid | spf query |
        spf policy | spf record prohibits | spf violation | spf error | spf incorrect | spf permanent error | rejected by spf |
        refused by spf | blocked by spf | failed spf | failed spf check | fails spf | fails spf check | does not pass spf |
        did not pass spf | not pass the spf | not passing spf | violates spf | violation of spf |
        sender id (pra) not permitted | sender policy framework | not authorized to send mail from |
        not authorized to send e-mail from | not permitted by spf | not allowed by spf | is not permitted to send mail from |
        is not allowed to send mail from | is not allowed to send email from | is not authorized to send from |
        is not authorised to send mail | not a permitted sender | not designated as a permitted sender | does not designate |
        domain does not allow mail from | openspf org | www openspf net why | please see http www openspf | dkim check failed |
        dkim checks failed | dkim fail | dkim failed | dkim failure | dkim signature verification | dkim signature fail |
        dkim signature failed | dkim signature did not | dkim signature is invalid | dkim signature is not valid |
        dkim signature invalid | dkim validation failed | dkim verification failed | dkim verify failed | dkim unauthorized |
        dkim did not pass | invalid dkim | bad dkim signature | broken dkim | failed dkim | no valid dkim | no passing dkim |
        did not pass dkim | does not pass dkim | not pass dkim | dmarc | dmarc policy | dmarc policy of reject |
        dmarc check failed | dmarc checks failed | dmarc fail | dmarc failed | dmarc failure | dmarc evaluation failed |
        dmarc validation failed | dmarc verification | dmarc rejection | dmarc unauthorized mail is prohibited |
        rejected by dmarc | rejected due to dmarc | rejected per dmarc policy | failed dmarc | fails dmarc |
        does not pass dmarc | did not pass dmarc | not accepted due to * dmarc | violates dmarc | arc validation failed |
        unauthenticated email | unauthenticated mail | unauthenticated messages | unauthenticated sender |
        unauthenticated which poses a security risk | sender is unauthenticated | message is not authenticated |
        mail is not authenticated | email is not authenticated | email is unauthenticated | message failed authentication |
        message failed * authentication | message does not have authentication information |
        does not have authentication information | fails to pass authentication checks | email failed authentication |
        does not meet the required authentication level | does not meet the authentication requirements |
        failed authentication checks | failed to pass authentication | requires all senders to authenticate |
        authentication with either spf or dkim | authenticate with either spf or dkim | authenticate with spf or dkim |
        neither spf nor dkim | spf and dkim | spf or dkim | email authentication is required | lacks email authentication |
        sender domain authentication | domain authentication failed | sending domain * does not pass |
        email could not be authenticated | domain is protected by | sender authentication failed |
        mail from domain * has an spf record
    """,
    (BounceReason.AUTH_FAILURE, Weight.CLEAR): """
        answer 81126 authentication | answer 2451690
    """,
    (BounceReason.AUTH_FAILURE, Weight.LIKELY): """
        dmarc reject | domainkeys | spf | dkim
    """,
    (BounceReason.BAD_REPUTATION, Weight.CERTAIN): """
        reputation | talosintelligence | senderbase | senderscore | bad reputation | low reputation | poor reputation |
        very low reputation | reputation is low | reputation is very low | reputation is too low | reputation is bad |
        reputation too low | reputation score | reputation filter | reputation filtering | reputation check |
        reputation problem | reputation issues | negative reputation | has a poor reputation | has a poor email reputation |
        has a bad reputation | because of reputation | due to reputation | due to poor reputation | due to bad reputation |
        due to low reputation | due to the very low reputation | due to ip reputation | due to sender reputation |
        due to domain reputation | ip reputation | ip * reputation | domain reputation | sender reputation |
        sender's reputation | sender score | based on the reputation | based on reputation | rejected due to reputation |
        refused based on reputation | rejected based on reputation | reputation of the sending | barracuda reputation |
        barracudanetworks com reputation |
        your access to this mail system has been rejected due to the sending mta's poor reputation
    """,
    (BounceReason.REJECTED, Weight.CLEAR): """
        domain * blacklisted | address * blacklisted | email * blacklisted | address is blacklisted | domain is blacklisted |
        you are blacklisted | your access to submit messages to this e-mail system has been rejected |
        does not accept mail from | doesn't accept mail from | will not accept mail from | do not accept mail from |
        don't accept mail from | sender rejected | sender refused | sender denied | sender blocked | sender is blocked |
        sender not allowed | sender is not allowed | sender not permitted | sender is not permitted | sender not authorized |
        sender unauthorized | sender is not authorized | sender not accepted | sender domain rejected | sender domain blocked |
        sender domain not allowed | sender domain is not allowed | sender domain listed | sender domain blacklisted |
        sender domain is blocked | sender domain is blacklisted | sender domain * blacklisted | sender * blacklisted |
        sender * blocklisted | sender address blocked | sender address is blocked | sender address blacklisted |
        sender address listed | sender address is not allowed | sender address is not permitted | sender address not allowed |
        sender address is restricted | sender address not acceptable | sender address refused | sender address denied |
        sender address has been blocked | sender address does not conform | sender address * blocked |
        sender ip address rejected by domain of | sender email address rejected | sender email rejected |
        sender email address is blocked | sender mail address refused | sender is on domain's blacklist |
        sender is blacklisted | sender blacklisted | sender listed | sender in blacklist | sender's address is blocked |
        sender's address blacklisted | sender has been blocked | sender was rejected | sender was blocked | sender prohibited |
        sender is not in your allowed | senders are not allowed | blocked sender | blacklisted sender | rejected sender |
        refused sender | banned sender | banned sending domain | envelope sender rejected | envelope sender blocked |
        envelope sender is blacklisted | envelope sender domain | sender envelope | return path rejected | null sender |
        null sender is not allowed | null sender is not accepted | null reverse path | empty envelope senders not allowed |
        empty sender | bounce message not accepted | bounces are not accepted | does not accept bounces |
        we do not accept bounce | backscatter protection | from address is not allowed | from address rejected |
        from address denied | from address blocked | from address is blacklisted | from address not verified |
        from field rejected | mail from not accepted | mail from rejected | mail from denied | mail from is not allowed |
        mail from is blocked | mail from not allowed | mail from domain rejected | mail from blocked |
        mail from address rejected | mail from address must | does not like sender | but sender was rejected |
        did not like our mail from | you are not allowed to post to this mailing list | not allowed to post |
        you are not allowed to post | not allowed to send to this list | posting to this list | post to this list |
        not a member of this mailing list | are not member | you are not a member | you are not member | is not a member of |
        not a subscriber of this list | members only | only members | only subscribers | subscribers only | only list members |
        not subscribed to this list | not allowed to send to this group | don't have permission to post |
        do not have permission to post | may not have permission to post | you do not have permission to send to |
        don't have permission to send | groups google com support | can't determine purported responsible address |
        cannot determine purported responsible address | purported responsible address | p customfromdenied | customfromdenied |
        send mail as | message sender is not | message from your domain is not accepted |
        we do not accept mail from your domain | does not accept mail from your domain | mails from your domain |
        emails from your domain | email from your domain is blocked | your domain is blacklisted |
        your domain has been blacklisted | your domain is blocked | your domain has been blocked | your domain is on |
        your email address has been blacklisted | your email address is blacklisted | your email address is blocked |
        your address is blacklisted | your address is blocked | your address has been blocked | domain blacklisted |
        domain is on the blacklist | domain has been blacklisted | domain in blacklist | sender domain is listed |
        blocked sender address | rule imposed mailbox access for | access denied * sender | sending domain is blocked |
        this sender is | messages from this sender | mail from this sender | domain of sender |
        sender did not meet delivery criteria | fully qualified sender | sender address needs fully qualified |
        need fully-qualified address | cannot resolve the domain of the sender | could not resolve sender domain |
        unable to resolve sender domain | unresolvable sender | unresolvable domain | mail from domain must resolve |
        sender domain must resolve | sender domain does not resolve | domain of sender address | sender has no a mx |
        no mx record for sender | no valid mx for sender | invalid domain in mail from | domain must resolve |
        must have a valid mx | spoofed sender | spoofed from | resolver adr invalidsender | transport rules rejectmessage |
        sender is disabled | sender suspended
    """,
    (BounceReason.REJECTED, Weight.LIKELY): """
        access denied | returnpath | sender requires | spoofing | impersonat | unknown domain of sender | not a member
    """,
    (BounceReason.SECURITY_ERROR, Weight.CLEAR): """
        authentication required | authentication is required | authentication required for relay | authentication needed |
        smtp authentication | turn on smtp authentication | smtp auth required | smtp auth is required | use smtp auth |
        please authenticate | must authenticate | must be authenticated | must issue a starttls command first |
        must issue starttls | starttls command first | starttls required | starttls is required | starttls first |
        tls required | tls is required | requires tls | requires starttls | encryption required | encryption needed |
        must use tls | session encryption is required | client was not authenticated | client not authenticated |
        not authenticated to send | not authenticated | authentication failed | authentication failure |
        authentication turned on in your email client | authentication credentials invalid | authentication unsuccessful |
        invalid credentials | username and password not accepted | login failed | log in first | login required |
        please log in | insufficient authentication | you are not authorized to send mail | not authorized to send |
        not authorized to relay | delivery not authorized | you are not authorized | you must * authenticate | pop before smtp |
        pop authentication | check your mail before sending | verify your * password | only authenticated users |
        authorization failed | recipient address rejected: delivery not authorized | client certificate |
        this is not a public mail
    """,
    (BounceReason.SECURITY_ERROR, Weight.LIKELY): """
        recipient address rejected: access denied | not authorized | unauthorized | sasl
    """,
    (BounceReason.FAILED_STARTTLS, Weight.CLEAR): """
        starttls is failed | starttls failed | starttls failure | starttls handshake | starttls is required to send mail |
        starttls is required by | cannot start tls | could not start tls | tls handshake | tls handshake failure |
        tls negotiation failed | tls negotiation failure | tls session | tls not available | tls currently unavailable |
        tls is required but was not offered | tls is required but host | starttls is required but was not offered |
        server certificate not trusted | server certificate not verified | certificate verification failed |
        certificate verify failed | certificate has expired | certificate rejected | certificate is not trusted |
        untrusted certificate | cannot verify certificate | dane tlsa | dane authentication failed | tlsa lookup |
        tlsa records | sts policy | encryption required by recipient | ssl handshake | ssl error
    """,
    (BounceReason.FAILED_STARTTLS, Weight.LIKELY): """
        mta-sts
    """,
    (BounceReason.NO_RELAYING, Weight.CLEAR): """
        smtp relay error | relay access denied | relay access is denied | relay access not allowed | relay not permitted |
        relay not allowed | relay is not permitted | relay is not allowed | relay denied | relay prohibited |
        relay operation rejected | relay rejected | relaying denied | relaying not allowed | relaying not permitted |
        relaying is not allowed | relaying is not permitted | relaying prohibited | relaying mail to * is not allowed |
        relaying to * prohibited | relaying to * denied | relaying disallowed | relaying blocked | relaying is prohibited |
        relaying of mail | relaying | not permitted to relay | not allowed to relay |
        not permitted to relay through this server without authentication * relaying | no relaying | no relaying allowed |
        cannot relay | can not relay | can't relay | unable to relay | unable to relay for | we do not relay | we don't relay |
        does not relay | mail server * does not relay | this system is not configured to relay mail |
        this server does not relay | this is not a relay | this host is not a relay |
        this mail server requires authentication when attempting to send to a non-local | insecure mail relay |
        mail relay denied | mail relaying | specified domain is not allowed | domain isn't in my list of allowed rcpthosts |
        isn't in my list of allowed rcpthosts | not in my list of allowed rcpthosts | list of allowed rcpthosts | rcpthosts |
        not a gateway | not an open relay | we are not a relay | recipient domain not local | not local domain |
        domain not local | that domain is not hosted here | not hosted here | domain not hosted | is not hosted on this |
        i'm not going to relay | unauthorized relay | unauthorised relay | send to a non-local | email address not local |
        not a local domain | no such domain at this location | no such domain here | we don't handle mail for |
        we do not handle mail for | doesn't handle mail for that | does not handle mail for |
        don't accept mail for that domain | will not relay | is not permitted to relay
    """,
    (BounceReason.NO_RELAYING, Weight.LIKELY): """
        open relay | attributedirect | tenantattribution
    """,
    (BounceReason.REQUIRE_PTR, Weight.CERTAIN): """
        ptr record | ptr records | no ptr record | no ptr records | missing ptr | missing ptr record | without ptr |
        without ptr record | ptr record setup | ptr is required | bad dns ptr | bad dns ptr resource record | bad ptr |
        invalid ptr | generic ptr | ptr lookup | ptr lookup failed | reverse dns | reverse dns failed | reverse dns lookup |
        reverse dns lookup failed | reverse dns required | reverse dns entry | reverse dns check | reverse dns does not |
        reverse dns validation failed | no reverse dns | no valid reverse dns | missing reverse dns | invalid reverse dns |
        bad reverse dns | generic reverse dns | dynamic reverse dns | rdns | no rdns | reverse lookup | reverse hostname |
        cannot find your reverse hostname | cannot find your hostname | cannot resolve your address | cannot resolve your ip |
        cannot find your ip address in dns | could not find your hostname | can't resolve your ip |
        can't resolve your hostname | ip address has no | ip address * does not have a | ip name lookup failed |
        ip name possibly forged | name lookup failed for | client host rejected: cannot find your |
        client host rejected: cannot find your hostname | client host rejected: cannot find your reverse hostname |
        client hostname not found | unresolvable relay host name | forward confirmed reverse dns | fcrdns | fcrdns check |
        forward and reverse dns | all reverse lookups | dns reverse | dns resolution of your ip | fix reverse dns |
        mismatches client ip | hostname does not match | no dns record * your ip | resolve to a hostname |
        ip addresses without reverse | does not have a valid reverse | ip that has no | sender ip must resolve |
        sender ip reverse lookup rejected | unresolvable ip | must have reverse | answer 81126 ip practices |
        invalid hostname * reverse | hostname lookup for your ip | whose hostname cannot be resolved
    """,
    (BounceReason.REQUIRE_PTR, Weight.LIKELY): """
        no ptr
    """,
    (BounceReason.SPEEDING, Weight.CERTAIN): """
        too many messages | too many messages sent | too many messages in | too many messages per | too many emails |
        too many mails | too many e-mails | too many recipients this hour | sent to too many recipients this hour |
        too many recipients for this sender | too many recipients | too many rcpt | too many recipients in |
        too many recipients received this hour | too many invalid recipients | too many bad recipients | too many hits |
        too many sessions | too many errors * recipients | too much mail | too much mail from | too much traffic | too quickly |
        too fast | too frequent | too frequently | too often | message rate | message rate limit | mail rate | rate limit |
        rate limited | rate limits | rate limit exceeded | rate limiting | rate exceeded | ratelimit | ratelimited |
        sending rate | sending rate exceeded | sending limit | sending limit exceeded | sending limits | sending quota |
        daily sending quota | daily quota exceeded | daily user sending limit | daily limit | daily message limit |
        hourly limit | hourly quota | throttled | being throttled | slow down | please slow down | try to send slower |
        sending too many | sent too many | exceeded the rate | exceeded the maximum number of messages |
        exceeded the limit of messages | exceeded sending | exceeded permitted limits | exceeded message limit |
        exceeds the rate | exceeds permitted | limit of messages | maximum number of messages |
        limit on the number of messages | limit on the number of recipients | mail sending limit |
        receiving mail at a rate that | receiving mail too quickly | received too many | received at a rate |
        an unusual rate of | unusual rate of | unusual sending activity | mail flood | mail flooding | message frequency |
        frequency limit | frequency limited | recipient limit exceeded | recipient rate | quota of messages | submission quota |
        greylist | greylisted | greylisting | graylisted | gray listed | grey listed | grey listing | deferred due to excess |
        sender rate | domain frequency limited | mail frequency limited | exceed frequency
    """,
    (BounceReason.SPEEDING, Weight.LIKELY): """
        too many unknown | rate-limited | per hour | per day | per minute | throttling | throttle | exceeded your |
        exceeds the limit | flood | postgrey | excessive | please reduce
    """,
    (BounceReason.TOO_MANY_CONN, Weight.CERTAIN): """
        ip frequency limited | ip concurrent connections limited | too frequent connects | too many connects |
        exceeded allowable connection time | throttling failure | throttling failure: daily message quota exceeded |
        throttling failure: maximum sending rate exceeded | max emails per hour | exceeded the max emails per hour |
        per-domain connection limit | exceeds per-domain connection limit |
        already made numerous attempts to deliver this message | too many connections | too many simultaneous connections |
        too many concurrent connections | too many concurrent smtp connections | too many concurrent | too many simultaneous |
        too many connections from | too many open connections | too many smtp sessions | too many smtp sessions for this host |
        too many sessions from | too many concurrent sessions | too many active connections | too many parallel |
        connection rate | connection rate limit | connection rate limit exceeded | connection limit |
        connection limit exceeded | connection count | connections limit | connection frequency limited | connection throttled |
        concurrent connections | concurrency limit | simultaneous connections | exceeded the maximum number of connections |
        exceeded maximum connection | exceeded the connection limit | exceeds maximum connection |
        exceeded allowable connection | maximum connections | maximum number of connections | maximum number of simultaneous |
        max number of connections | maximum concurrent | all available ips are at maximum connection limit |
        no more connections | trop de connexions | reached the maximum * connection | limit for connections |
        open connections from | throttling failure: maximum connection
    """,
    (BounceReason.TOO_MANY_CONN, Weight.LIKELY): """
        too many hosts | connection limits | number of connections | service overloaded
    """,
    (BounceReason.REJECTED, Weight.VAGUE): """
        sender
    """,
}
