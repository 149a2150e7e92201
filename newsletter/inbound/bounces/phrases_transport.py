"""What servers say of the way: no such host, no answer in time, no room, a message that is too big or not well formed."""

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

TRANSPORT: Table = {
    (BounceReason.HOST_UNKNOWN, Weight.CLEAR): """
        unable to get mx info | no ip address found for host | no ip address found | host unknown | unknown host |
        unknown domain | domain unknown | domain is unknown | unknown domain name | unknown mail domain | unknown mail host |
        unknown host or domain | domain not found | domain name not found | domain was not found | domain * was not found |
        domain * couldn't be found | domain could not be found | domain cannot be found | domain does not exist |
        domain doesn't exist | domain * does not exist | domain * doesn't exist | domain not exist | domain no longer exists |
        domain is invalid | domain name is invalid | domain isn't valid | domain is not valid | domain * not reachable |
        domain is not reachable | domain must exist | domain has no mx | domain has no valid mx |
        domain mentioned in * unknown | domain not reachable | domain was not resolvable | host not found | host * not found |
        host or domain name not found | host was not found | host does not exist | host name not found | host name is unknown |
        host is unknown | host cannot be found | host could not be found | hostname not found | hostname unknown |
        no such domain | no such domain name | no such host | no such host is known | no such hostname | no such mail host |
        no such mail domain | there is no such domain | invalid domain | invalid domain name | invalid host | invalid hostname |
        illegal host/domain name | illegal host | bad destination system address | bad destination system |
        bad destination host | bad host name | couldn't find any host named | couldn't find any host by that name |
        could not find a mail exchanger | could not find any host | could not resolve host | couldn't resolve host |
        cannot resolve host | cannot resolve domain | cannot find host | cannot find domain | cannot find a mail server |
        can't find host | unable to resolve host | unable to find host | unable to find domain | unable to locate host |
        unable to look up host | no mail exchanger | no mail exchangers | no mx record | no mx records | no mx found |
        no mx hosts | no mx or a | no mx entry | no a or mx | no a record | no mail hosts for domain | no mail server |
        no mail server found | no mail servers | no mailserver found | no dns entry | no dns record | no valid mx |
        no valid mail server | no route to domain | no address associated with | no hosts found for domain |
        name or service not known | nodename nor servname | name server * host not found | name service error for |
        name server * no data known | no data known | nonexistent domain | non-existent domain | nonexistent host |
        non-existent host | non-existing domain | authoritative answer host not found | address lookup failed host |
        host lookup failed | host lookup did not complete no such | dns lookup failure host * not found |
        all host address lookups failed permanently | all relevant mx records point to non-existent hosts |
        unrouteable address | unrouteable mail domain | unrouteable domain | unroutable address | unroutable mail domain |
        unroutable domain | not a valid domain | is not a valid internet domain | is not a registered |
        recipient address rejected domain not found | recipient address must contain | recipient domain does not exist |
        recipient domain not found | recipient domain is invalid | recipient domain unknown |
        recipient's domain does not exist | destination domain does not exist | destination server does not exist |
        mail domain mentioned in email address is unknown | the domain you are trying to send to does not exist |
        the mail server could not find | destination dns lookup failed permanently | dns domain does not exist |
        does not resolve to a valid | misspelled domain | typo in the domain | no such place |
        resolver * infodomainnonexistent | is not a valid mail host
    """,
    (BounceReason.HOST_UNKNOWN, Weight.LIKELY): """
        nxdomain | badrcptdomain | infodomainnonexistent | unrouteable | unroutable | no servers
    """,
    (BounceReason.NOT_ACCEPT, Weight.CERTAIN): """
        couldn't find a mail exchanger or ip address | name service error * malformed or unexpected name server reply |
        name server host not found | null mx | returned null mx | host/domain does not accept mail |
        host or domain does not accept mail | domain does not accept mail | domain * does not accept mail |
        domain does not accept email | domain * does not accept email | domain doesn't receive email |
        domain * doesn't receive email | domain does not receive mail | domain doesn't accept mail |
        domain * doesn't accept mail | domain accepts no mail | host does not accept mail | host accepts no mail |
        host * accepts no mail | host * does not accept | host does not receive mail | host * does not receive mail |
        does not accept any mail | doesn't accept any mail | does not accept internet mail | does not receive mail |
        does not accept incoming mail | an mx or srv record indicated no smtp service | indicated no smtp service |
        no host found for existing smtp connection | smtp protocol returned a permanent error |
        smtp service not available here | no smtp service here | no mail service here | no smtp here |
        this host does not accept | this server does not accept mail | system not accepting network messages |
        is not accepting network messages | not accepting network messages | destination does not accept mail |
        name server * host does not accept | rejected permanently by mx | does not accept smtp mail |
        we do not accept mail here | we do not accept any mail | we don't accept any mail | mail is not accepted here |
        mail not accepted here | destination seem to reject all mails | seem to reject all mails | reject all mails
    """,
    (BounceReason.NOT_ACCEPT, Weight.LIKELY): """
        nullmx | rfc7505
    """,
    (BounceReason.NETWORK_ERROR, Weight.CERTAIN): """
        address family mismatch on destination mxs | all routes to destination blocked | bad dns lookup error code |
        could not retrieve source address | network error on destination mxs | no valid route to remote mx |
        no valid route to destination | dns records for destination computer could not be found |
        temporary failure in name resolution | temporarily unable to resolve | temporarily unable to look up |
        malformed or unexpected name server reply | malformed name server reply | unexpected name server reply |
        cname lookup failed temporarily | could not resolve address temporarily | lookup timed out | host not found try again |
        try again name server | lowest numbered mx record points to local host | mx list for * points back | loops back to me |
        loops back to myself | mail for * loops back | mail loop | mail loop detected | mail loop * detected | mail loop error |
        mail loops | mail is looping | mail forwarding loop | possible mail loop | suspected mail loop | possible loop |
        loop detected | loop * detected | forwarding loop | routing loop | routing loop detected | message is looping |
        message looping | message loop | message loops back | message has looped | email loop | delivery loop |
        delivered-to loop | in a loop | hop count exceeded | hop limit exceeded | hopcount exceeded | max hop count |
        maximum hop count | maximum hop count exceeded | max hops | exceeded maximum hop count | too many hops | too many hop |
        too many received headers | too many received | too many relays | excessive hops | excessive number of hops |
        this message already has my delivered-to line | already has my delivered to | aliasing/forwarding loop broken |
        forwarding loop broken | network is unreachable | network unreachable | no route to host | host is unreachable |
        host unreachable | host is down | host is not reachable | destination unreachable |
        wasn't able to establish an smtp connection | unable to establish an smtp connection | couldn't establish connection |
        connection died | connected to * but connection died | connection to mail server failed |
        listed as a best-preference mx | best preference mx | queue loop | config error: mx points to |
        local configuration error | local configuration problem | mail to * routed to itself
    """,
    (BounceReason.NETWORK_ERROR, Weight.LIKELY): """
        lost connection | servfail | loop | looping | dns | unreachable
    """,
    (BounceReason.EXPIRED, Weight.CLEAR): """
        envelope expired | connection timed out | connection time out | connection timeout | connection attempt timed out |
        connection establishment timed out | connect timeout | operation timed out | session timed out |
        conversation * timed out | timed out while | timed out waiting | timed out during | timeout while | timeout waiting |
        timeout connecting | timeout after | timed out | message timed out | delivery timed out | delivery timeout |
        queue expired | time out | unable to deliver this message after * tries | did not accept our requests to connect |
        server did not accept our requests to connect | unable to connect successfully | unable to connect to |
        could not connect to | could not connect | couldn't connect | cannot connect to | can't connect to |
        failed to connect to | failed to connect | connection failed | connection could not be established |
        connection to remote host failed | did not respond | not responding | is not responding | server not responding |
        server didn't respond | host not responding | no answer from host | no answer from | remote server is not responding |
        does not respond | server was unreachable | server unreachable | address lookup timed out | host * is not available |
        host unavailable | failed to respond | before the end of transaction | answer 7720 | transport failure |
        tempfail * too long
    """,
    (BounceReason.EXPIRED, Weight.VAGUE): """
        queue time exceeded | queue timeout | queued too long | queue too long | in the queue too long | on the queue too long |
        been in the queue | has been in queue | in queue for * days | message has been in queue too long | lifetime expired |
        retries exceeded | retry limit | retry count exceeded | retry time exceeded | maximum retries | maximum retry |
        maximum number of retries | maximum delivery attempts | maximum time exceeded | exceeded maximum time |
        could not be delivered in time | too many attempts | too many delivery attempts | too many tries | too many retries |
        unreachable for too long | delivery deadline | ttl expired | delivery time expired | delivery time has expired |
        message delivery expired | mail delivery expired | delivery attempts exceeded | delivery not attempted expired |
        could not be delivered for | couldn't be delivered for | could not be delivered within |
        could not deliver for the last | could not deliver mail for | couldn't deliver * for | cannot be delivered for |
        not be delivered after | not delivered after | unable to deliver in | unable to deliver within |
        unable to deliver message after | unable to deliver this message after | has been delayed | delivery delayed |
        delayed mail | delivery has been delayed | delivery is delayed | still undelivered after | message still undelivered |
        still being retried | not yet been delivered | has not yet been delivered | not been delivered yet | will be retried |
        will retry for | will keep trying | keep trying until | continue to try | will continue trying | delivery incomplete |
        temporary problem delivering | delivery failed * attempts | failed * attempts | giving up | i'm giving up |
        i have been trying to deliver | too old | i'm not going to try again | no response from |
        it has been in the queue too long | was not delivered within | message expired | message has expired |
        message is expired | delivery expired | retry timeout exceeded | retry time not reached |
        have been failing for a long time | failing for a long time | all hosts * have been failing for a long time |
        undeliverable for * hours | undeliverable for * days | the message was undeliverable for too long |
        expired unable to deliver | expired | timeout | delayed | deferred
    """,
    (BounceReason.SYSTEM_ERROR, Weight.LIKELY): """
        several matches found in domino directory | service refused please try later | system error | internal error |
        internal server error | internal system error | internal software error | internal failure | server error |
        server configuration error | server configuration problem | server misconfigured | configuration error |
        mail system configuration error | local error in processing | local error | error in processing |
        temporary local problem | local problem | lookup failure | temporary lookup failure | temporary system problem |
        user lookup failure | user lookup error | alias lookup failure | ldap error | ldap attribute | ldap lookup |
        ldap server | database error | database failure | sql error | directory service | directory lookup error |
        cannot access directory | cannot open | can't open | cannot create output file | can't create output | can't create |
        cannot create | could not write | write error | read error | i/o error | io error | out of memory |
        cannot allocate memory | resources unavailable | insufficient resources | insufficient system resources |
        insufficient permission | permission denied | operation not permitted | no such file or directory |
        too many open files | error opening | error writing | error reading | error while processing |
        error occurred while processing | unable to process | processing error | unknown error | unexpected error |
        unexpected failure | unhandled exception | software error | delivery agent * failed | delivery to file forbidden |
        delivery to pipe forbidden | local delivery failed | local delivery agent | local delivery error | local mailer |
        mail system error | mail server error | mail transport unavailable | transport unavailable | queue file write error |
        bounce or trace service failure | unable to create | unable to open | unable to write | couldn't create |
        unable to switch to | unable to chdir | home directory | system failure | server failure |
        content filter not available | filter error | milter failure | virus scanner * failed | resolver * loop | config error |
        upstream error | upstream server error | proxy error | service temporarily unavailable |
        service is temporarily unavailable | service currently unavailable | service is not available |
        server temporarily unavailable | server unavailable | server is busy | server busy | server too busy |
        server is too busy | system not available | system is unavailable | system unavailable | system shutdown |
        shutting down | insufficient system storage * memory | aliasing loop | duplicated message-id | loop alert |
        alias expansion | alias * loop | fatal error | died with | mailbox corrupt | mailbox has an invalid format |
        mailbox is corrupt | mailbox locked by another | mailbox in use | mysql | milter | storedrv | backend | back-end |
        crashed | cyrus
    """,
    (BounceReason.SYSTEM_ERROR, Weight.VAGUE): """
        service not available | service unavailable
    """,
    (BounceReason.MAILER_ERROR, Weight.LIKELY): """
        command died | command failed | command time limit exceeded | command output | command line usage error | pipe to |
        pipe command | pipe to * failed | pipe failed | broken pipe | bad interpreter | exit code | exit status | exited with |
        had failed with exitcode | returned exit | returned with exit | had signal | killed by signal | died with status |
        died with exit | died by signal | terminated by signal | child status | child crashed | child process | process failed |
        x unix | program failed | program exited | procmail couldn't create | maildrop error | external command |
        local delivery agent exited | bogus exit | transport * returned | not executable | delivery command | mailer error |
        exitcode | procmail
    """,
    (BounceReason.SYSTEM_FULL, Weight.CLEAR): """
        disk full | disk is full | disk space | insufficient disk space | insufficient disk | insufficient free disk |
        insufficient storage | insufficient system storage | insufficient space | insufficient queue space |
        insufficient resources disk | not enough disk space | not enough free space | not enough space | not enough storage |
        no disk space | no space left on device | no space left | no free space | low on disk | out of disk space |
        out of space | system full | mail system full | file system full | filesystem is full | filesystem full | queue full |
        spool full | storage full | server is out of space | server full | server is full |
        exceeded storage allocation on server | requested mail action aborted exceeded storage allocation |
        requested mail action not taken insufficient system storage | queue quota exceeded | mail queue is full
    """,
    (BounceReason.MESG_TOO_BIG, Weight.CLEAR): """
        message too big | message too large | message is too big | message is too large | message was too big |
        message was too large | message size | message size exceeds | message size exceeded | message size limit |
        message size limit exceeded | message size too large | message size is too big | message size * exceeds |
        message size exceeds fixed limit | message size exceeds fixed maximum message size | message size exceeds maximum |
        message size exceeds the maximum | message size exceeds maximum permitted | message size exceeds maximum value |
        message size exceeds file system imposed limit | message size beyond | message exceeds maximum |
        message exceeds maximum fixed size | message exceeds the maximum | message exceeds size limit | message exceeded |
        message exceeds | message file too big | message header size * exceeds | message length exceeds |
        message length exceeds limit | message length limit | message larger than | message over size | message body too large |
        message body is too big | message data size exceeds | maximum message size | maximum message size exceeded |
        max message size | maximum mail size | max mail size | maximum size | maximum email size | mail size limit |
        mail size limit exceeded | mail size exceeded | mail size too large | mail too large | mail is too large |
        mail too big | mail is too big | mail * too large | mail * exceeds | mail message is too large | email too large |
        email too big | email is too large | email exceeds | exceeded maximum inbound message size | exceeds maximum |
        exceeds maximum message size | exceeds the maximum message size | exceeds the maximum size | exceeds size limit |
        exceeds size | exceeds message size limit | exceeds the size | exceeds our size limit | exceeding the maximum size |
        exceeds fixed maximum | exceed maximum | exceeds size limit of server | size exceeds | size exceeds limit | size limit |
        size limit exceeded | size of this message | size of the message | too large to | too large | too big |
        attachment too large | attachments too large | file too large | data size exceeded | data size exceeds |
        content too big | system * size limit | limited to * bytes | resolver rst sendsizelimit | line limit |
        you cannot send messages larger
    """,
    (BounceReason.MESG_TOO_BIG, Weight.LIKELY): """
        oversized | oversize | sendsizelimit
    """,
    (BounceReason.CONTENT_ERROR, Weight.CLEAR): """
        improper use of 8-bit data in message header | improper use of 8 bit | 8-bit data | headers too large |
        header too large | header size exceeds | header line is too long | header too long | message header size |
        message headers fail syntax check | header syntax | header error in | headers fail | mime error | mime parsing |
        mime format | mime structure | improper mime | invalid mime | bad mime | broken mime | malformed mime | mime multipart |
        mime boundary | malformed header | malformed message | malformed mail | malformed content | message is malformed |
        charset not supported | bad content | content error | content conversion | conversion failed |
        conversion not supported | conversion required | media error | media not supported | media type | unsupported media |
        message format | message format not supported | message syntax | message has no content | message has no body |
        message parsing | parse error | syntax check | we only accept * plain text | only accepts plain text |
        unsupported content | invalid content | content encoding | binary data | nul character | null character | null byte |
        missing required header | missing header | mail data refused | failed to convert
    """,
    (BounceReason.CONTENT_ERROR, Weight.LIKELY): """
        8bit | non-ascii | charset
    """,
    (BounceReason.NOT_COMPLIANT_RFC, Weight.CERTAIN): """
        bare lf | bare lfs | bare line feed | bare line feeds | bare linefeed | bare linefeeds | bare cr | bare newline |
        bare carriage return | contains bare | naked lf | stray newlines | stray newline | rfc 2822 compliant | rfc 2822 |
        rfc 5322 compliant | rfc 5322 | rfc 5321 | rfc 822 | rfc822 compliant | rfc compliant | rfc compliance | rfc violation |
        not rfc | not rfc compliant | not compliant | not compliant with rfc | not conform to rfc | does not conform to rfc |
        does not comply with rfc | violates rfc | headers are not rfc compliant | p rfcmessagenoncompliant |
        multiple subject headers | multiple from headers | multiple to headers | multiple * headers |
        multiple addresses in from | there are multiple | duplicate header | duplicate headers | duplicate subject |
        duplicate from | duplicated header | missing from header | missing from | missing a from header | missing a valid |
        missing date header | missing date | missing message-id | missing a valid messageid header | no from header |
        no message-id | no valid from | header is missing | headers missing | header missing | from header is missing |
        from header is invalid | 'from' header has non compliant | from header has non | invalid from header |
        invalid message id | invalid header | invalid headers | invalid date | line too long | lines longer than |
        line length exceeded | line length exceeds | line exceeds | lines too long | messages should have one or no |
        message does not conform | messages missing a valid address in from | smtp protocol violation | protocol violation |
        synchronization error | improper command pipelining | unauthorized pipelining
    """,
    (BounceReason.NOT_COMPLIANT_RFC, Weight.LIKELY): """
        barelinefeed | rfc2822 | rfc5322 | rfc5321 | rfcmessagenoncompliant | smtpline | pipelining
    """,
    (BounceReason.SYNTAX_ERROR, Weight.CLEAR): """
        syntax error | syntax error in | syntax error in parameters | syntax error in parameters or arguments |
        command unrecognized | command not recognized | command not recognised | command unknown | command rejected |
        command not implemented | command parameter not implemented | command out of sequence | command not allowed |
        commands out of sequence | bad sequence of commands | bad command sequence | bad command | bad syntax | bad parameter |
        unknown command | unknown parameter | unrecognized command | unrecognised command | unrecognized parameter |
        unsupported command | unsupported option | invalid command | invalid arguments | invalid parameter |
        invalid command arguments | invalid syntax | improper syntax | illegal command | parameter not recognized |
        parameter syntax error | protocol error | error in parameters | send hello first | polite people say hello first |
        need mail command | need rcpt command | need mail before | need rcpt before | sequence error | expected word or |
        angle brackets nested too deep | domain missing in source routed address | malformed address | malformed recipient |
        address syntax | cannot understand | dont understand
    """,
    (BounceReason.SYNTAX_ERROR, Weight.LIKELY): """
        unrecognized | unimplemented
    """,
    (BounceReason.ON_HOLD, Weight.VAGUE): """
        temporary failure | temporary error | try again later | try later | please try again | please try later |
        transaction failed | transient | undetermined | not specified | message rejected | mail rejected | delivery failed |
        cannot be delivered
    """,
    (BounceReason.ON_HOLD, Weight.CLEAR): """
        on hold
    """,
    (BounceReason.NETWORK_ERROR, Weight.CLEAR): """
        no route found to | dns error | host name lookup failure | hostname lookup failure | host lookup failure |
        name server timeout | name server * timeout | name server failure | name server error | name server lookup failed |
        nameserver error | nameserver failure | dns failure | dns lookup failure | dns lookup failed | dns lookup error |
        dns query failed | dns server failure | dns server returned | dns timeout | dns temporary | dns soft error |
        dns resolution failure | temporary dns | domain name lookup failure | cname lookup failed | mx lookup failed |
        mx lookup failure | mail exchanger lookup failed | domain resolution failed | resolving hostname | mx record points to |
        points back to | network error | network congestion | network failure | no route to | unable to route |
        unable to route to | no network | bad connection | server failure: dns
    """,
}
