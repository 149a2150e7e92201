"""What servers say of the mailbox: it is not there, moved, full, closed, or does not want the message."""

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

UNKNOWN: Table = {
    (BounceReason.USER_UNKNOWN, Weight.CLEAR): """
        user unknown | unknown user | user * unknown | user is unknown | user not known | unknown user account |
        unknown user name | unknown username | unknown local user | unknown local part | unknown recipient |
        unknown recipients | recipient unknown | recipient is unknown | recipient * is unknown | unknown address |
        unknown e-mail address | unknown mailbox | unknown account | unknown mail account | unknown to address |
        unknown or illegal alias | unknown or invalid address | unknown or invalid recipient | unknown virtual address |
        unknown virtual mailbox | unknown customer | unknown addressee | addressee unknown | address unknown |
        address is unknown | address * unknown | mailbox unknown | mailbox is unknown | account unknown | account * unknown |
        user not found | user * not found | user was not found | user could not be found | user cannot be found |
        user cant be found | users not found | recipient not found | recipient was not found | recipient * not found |
        recipient could not be found | recipient address was not found | recipient cannot be found | recipients not found |
        account not found | account * not found | mailbox not found | mailbox was not found | mailbox could not be found |
        mailbox * not found | address not found | address was not found | address * was not found | address could not be found |
        address couldnt be found | addressee not found | alias not found | email address could not be found |
        e-mail address couldn't be found | mailname not found | no such user | no such users | no such a user |
        no such recipient | no such recipient here | no such mailbox | no such account | no such address | no such email |
        no such email address | no such alias | no such person | no such addressee | no such local user | no such local part |
        no such name | no such virtual user | no such virtual alias | no such mail drop | no such mail recipient |
        no such customer | no such subscriber | no account by that name | no account here | no account with this name |
        no account by this name | no mailbox by that name | no mailbox here by that name | no mailbox here | no mailbox found |
        no mailbox with that name | no mailbox for this recipient | no mailbox currently available | no user by that name |
        no user with that name | no user here | no users here by that name | no user by this name | no local mailbox |
        no local user | no match for recipient | no matching recipient | no recipient found | no recipient of this name |
        no inbox | no person at this address | not a known user | not a known user address | not a known recipient |
        not a valid user | not a valid user here | not a valid mailbox | not a valid recipient | not a valid account |
        not a valid email address | not a valid address | not a valid username | not a recognised user | not a recognized user |
        not a recognised email account | not a user here | not a local mailbox | not a local user | not a customer |
        not a subscriber | not a mailbox | not a registered user | not an active address | not an active account |
        not our mailbox | is not an active user | is not an existing user | not known at this site | is not known here |
        not known here | isn't a known user | is not listed in domino directory | not listed in domino directory |
        not listed in public name & address book | not listed in directory | not listed in the directory | name is not listed |
        not in our directory | not in directory | not found in directory | not found in the directory | user not in directory |
        not present in directory entry | not exist on this system | not exist in this system | not exist on this server |
        not on our server | user no longer on server | no longer a valid address | no longer a valid user |
        no longer a user here | no longer a valid recipient | user no longer valid | user not exist | user not exists |
        user doesn't exist | user does not exist | user * does not exist | user * doesn't exist | user dont exist |
        user is not exist | user deleted | user has been deleted | user is deleted | user account does not exist |
        users does not exist | username does not exist | recipient not exist | recipient not exists | recipient does not exist |
        recipient doesn't exist | recipient * does not exist | recipients do not exist | recipient address does not exist |
        recipient no longer exists | recipient mailbox does not exist | mailbox does not exist | mailbox doesn't exist |
        mailbox * does not exist | mailbox not exist | mailbox not exists | mailbox no longer exists |
        mailbox has been deleted | mailbox deleted | mailbox closed | account does not exist | account doesn't exist |
        account * does not exist | account that you tried to reach does not exist | account no longer exists |
        account not exist | account has been deleted | account deleted | account was deleted | account closed |
        account is closed | account has been closed | address does not exist | address doesn't exist |
        address * does not exist | address * doesn't exist | address not exist | address no longer exists |
        address no longer valid | address is no longer valid | address no longer in use | address is no longer in use |
        address is no longer active | address no longer active | address no longer accepts | address is not valid at this |
        address is not in use | address not in use | address is invalid | address you entered couldn't be found |
        address * is invalid | address error user | email address does not exist | email doesn't exist | email does not exist |
        destination does not exist | destination address does not exist | destination mailbox does not exist |
        destination user does not exist | destination not found | destination address unknown |
        recipient's account does not exist | user doesn't have a * account | user does not have an account |
        user does not have a mailbox | doesn't have a * account | does not have an account here | does not have a mailbox |
        has no mailbox | has no account | isn't hosted here | there is no such user | there is no user | there is no mailbox |
        there is no account | there's no such user | there is no one at this address | there are no users here |
        this user does not exist | this user doesn't exist | this address does not exist | this address no longer |
        this address no longer accepts mail | this email address no longer exists | this is not a valid |
        email address not found | emailaddress not found | mail address not found | email address is wrong |
        email address you are trying to send to does not exist | invalid recipient | invalid recipients | recipient invalid |
        recipient is invalid | recipient not valid | recipient is not valid | recipient address is invalid |
        invalid recipient address | invalid user | invalid userid | invalid username | invalid user name |
        invalid user address | invalid mailbox | invalid mailbox path | invalid final delivery userid |
        invalid delivery address | invalid destination address | invalid destination mailbox | invalid destination user |
        invalid email address | invalid local address | invalid local part | invalid account | invalid alias |
        invalid virtual alias | user invalid | mailbox invalid | bad destination email address |
        bad destination mailbox address | bad destination mailbox | bad mailbox | bad recipient address | bad username |
        illegal alias | illegal recipient | illegal user | non-existent user | nonexistent user | non existing user |
        non-existing recipient | non existent recipient | nonexistent recipient | nonexistent mailbox | non-existent mailbox |
        non-existent address | nonexistent address | nonexistent email address | non-existent email address |
        nonexistent account | inexistent user | user unkown | user unkonwn | unkown user | undeliverable address |
        undeliverable address: user | recipient address rejected: unknown | recipient address rejected: undeliverable address |
        recipient address rejected: unverified address | recipient address rejected: invalid |
        recipient address rejected: * not found in | recipient address rejected: * does not exist |
        recipient address rejected: no such | requested user mailbox not found |
        requested mail action aborted mailbox not found | requested action not taken mailbox not found |
        mailbox name not allowed * no such | in local recipient table | in relay recipient table | in virtual mailbox table |
        in virtual alias table | in relay recipients table | in recipient table | in recipient list | recipient not in table |
        not in relay list | not in the list of recipients | not in recipient list | recipient verification failed |
        recipient verify failed | recipient callout | could not be resolved to a valid recipient |
        recipient is not in my validrcpt list | chkuser no mailbox | vpopmail * no user |
        vdeliver invalid or unknown virtual user | unknown recipient here | delivery to this address is not allowed unknown |
        directory lookup failed for | we do not have a user | we don't have a user | we have no such user |
        we do not host this user | we have no mailbox | does not live here | doesn't live here | doesn't work here |
        does not work here | doesn't work here anymore | no longer works here | no longer works for |
        no longer with the company | no longer with this company | no longer employed | no longer with us |
        no longer at this company | has left the company | has left our company | has left the organization |
        not employed here | the recipient name is not recognized | recipient name is not recognized | recipient not recognized |
        recipient * not recognized | is not recognised as a valid | user not recognized | mailbox not recognized |
        name is not recognized | name not recognized | user name does not exist | name does not exist here |
        resolver adr exrecipnotfound | resolver adr recipnotfound | resolver adr recipientnotfound |
        resolver adr recipnotfound not found | adr recipnotfound | smtpsend * recipientnotfound |
        no such object in the directory | e-mail account does not exist at the organization | email account does not exist |
        the email address you entered couldn't be found | p nosuchuser | nosuchuser | unknown destination |
        unrouteable address in local | unrouteable user | delivery to unknown user | user could not be resolved |
        unresolvable recipient | unresolvable user | unable to find recipient | unable to find user | unable to find mailbox |
        unable to locate user | unable to locate recipient | unable to locate mailbox | unable to verify user |
        unable to verify recipient | cannot find recipient | cannot find user | cannot find your recipient | can't find user |
        can't find recipient | couldn't find recipient | could not find user | could not find the user |
        could not find recipient | could not locate user | address lookup failed | ambiguous address * unknown |
        rejecting for * not a valid | permanently undeliverable user | this mailbox is not here | not a deliverable address |
        address not recognized | verify the recipient address | recipient not available here | user or domain unknown |
        user unavailable | addressee is unknown | unknown user or | the account doesn't exist | maildrop address unknown |
        recipient validation failed | recipient refused: user | relay recipient unknown
    """,
    (BounceReason.USER_UNKNOWN, Weight.LIKELY): """
        invalid address | invalid addresses | bad recipient | bad user | not exist here | no recipients here | wasn't found at |
        we do not know | never heard of | left the company | no valid recipient | no valid recipients |
        account is not available | account not available | bad address | no such | mailbox unavailable |
        requested action not taken mailbox unavailable | mailbox is unavailable | mailbox * unavailable |
        mailbox not available | mailbox not local | user not local | not a local recipient | mailbox name not allowed |
        recipient address denied | recipient denied | recipient unavailable | user not available | recipient no longer accepts |
        delivery not allowed to non local recipient | cannot deliver to this recipient | address not accepted |
        the address is not accepted | wrong address | bad address syntax | not accepted for the recipient |
        cannot deliver mail to | address is not allowed | address not allowed | nobody here | unrouteable recipient
    """,
    # What somebody who writes to us is told of the sender's address, in words that are otherwise said of the recipient.
    (BounceReason.REJECTED, Weight.CERTAIN): """
        verification failed for | sender verify fail | sender address rejected |
        sender address * rejected: undeliverable address | sender verify failed | sender verification failed |
        sender verify callout | sender callout verify | could not complete sender verify | verification failed for sender |
        callback verification failed | unable to verify sender | could not verify sender | sender address is invalid |
        invalid sender | invalid sender address | invalid sender domain | invalid from address | sender is invalid |
        unknown sender | sender unknown | sender not found | sender does not exist | sender address does not exist |
        sender's address does not exist | sender domain not found | sender domain does not exist |
        domain of sender address * does not exist | domain of sender address * does not resolve |
        domain of sender address * not exist | sender domain must exist | sender domain is invalid |
        domain of sender does not exist | domain of sender * invalid | sender * not accepted | bad sender |
        from address not valid
    """,
}

STATE: Table = {
    (BounceReason.HAS_MOVED, Weight.CLEAR): """
        has been replaced by | address changed to | address has changed | has changed * address | has a new address |
        new address is | new email address is | user has moved | user moved | has moved to | recipient has moved |
        recipient moved | mailbox has moved | mailbox moved | account has moved | moved permanently | moved to a new address |
        user not local please try | not our user | not our customer | recipient no longer on server |
        user no longer on this server | is no longer with us please | please forward * to | destination mailbox has moved
    """,
    (BounceReason.MAILBOX_FULL, Weight.CLEAR): """
        mailbox exceeds allowed size | exceeds allowed size | is full | has no space | no more space | the storage limit |
        storage limit | exceeded storage | over the maximum allowed | byte limit exceeded | quota | mailbox full |
        mailbox is full | mailbox was full | mailbox * is full | mailbox for * is full | mailbox has exceeded |
        mailbox exceeds | mailbox exceeded | mailbox limit exceeded | mailbox size limit exceeded | mailbox size exceeded |
        mailbox size exceeds | mailbox quota | mailbox over quota | mailbox over limit | mailbox storage limit |
        mailbox would exceed | mailbox would be full | mailbox does not have enough space | mailbox has insufficient |
        mailbox too full | mailbox too large | mailbox cannot accept more | mailfolder is full | mail folder is full |
        mail folder full | maildrop full | maildir over quota | maildir is full | maildir full | maildir quota |
        account is full | account full | account is over quota | account over quota | account is overquota |
        account has exceeded * quota | account * exceeded * quota | account is temporarily over quota | accounts storage quota |
        account is exceeding their quota | inbox is full | inbox full | the inbox is full | email box full | over quota |
        overquota | over the quota | over his quota | over its quota | over their quota | over disk quota | over storage quota |
        over the allowed quota | over the storage limit | quota exceeded | quota exceed | quota exceeds | quota exceeding |
        quota full | quota has been exceeded | quota is exceeded | quota is full | quota limit exceeded | quota limit reached |
        quota reached | quota overflow | quota violation | quota violated | quota would be exceeded | quota for * exceeded |
        out of quota | exceeded quota | exceeds quota | exceeded their quota | exceeds their quota | exceeded his quota |
        exceeded its quota | exceeded the quota | exceeded storage allocation | exceeded their storage | exceeded email quota |
        exceeded disk quota | exceeded mailbox | exceeded the mailbox | exceeded the maximum * mailbox |
        exceeded * storage limit | exceed mailbox quota | exceed quota | would exceed quota | would exceed the quota |
        would exceed the mailbox | will exceed quota | would be over the allowed quota | would be over quota |
        would go over quota | disk quota | disk quota exceeded | exdiskquota | disk space quota | user disk quota |
        user is over quota | user over quota | user's quota | user quota | user's mailbox is full | user's disk quota exceeded |
        user has too much mail | user has too many messages | user is out of space | user has exhausted allowed storage space |
        user has exceeded | user mailbox exceeds | recipient over quota | recipient is over quota | recipient overquota |
        recipient has exceeded | recipient exceeded | recipient is out of storage space | recipient's mailbox is full |
        recipient's mailbox is over | recipient storage full | recipient reached disk quota | recipient reached its disk quota |
        recipient rejected mailbox would exceed | recipient's inbox is out of storage space | out of storage space |
        not enough storage space in | not enough space in mailbox | insufficient space in mailbox |
        no space left for this user | no space in mailbox | no storage space | storage quota | storage quota reached |
        storage exceeded | stored messages exceeded | too much data in mailbox | too many messages in mailbox |
        too many messages in this mailbox | too many messages on this mailbox | has too many messages on the server |
        overflowing mailbox | message is too large for * remaining | not enough disk space in mailbox | exceeds the remaining |
        hard quota | quotaexceeded | storedrv deliver exception quotaexceededexception | p overquotaperm | p overquotatemp |
        overquotaperm | overquotatemp | email space full | over the limit of mailbox | dropbox full | mail quota |
        delivery failed over quota | local delivery exceeded quota | does not have enough quota |
        account has reached its quota | exceed storage allocation | insufficient mailbox space
    """,
    (BounceReason.EXCEED_LIMIT, Weight.CLEAR): """
        message length exceeds limit set by recipient | exceeds limit set by recipient | message too large for this recipient |
        message too large for recipient | message is too large for this mailbox |
        message larger than the limit set by the recipient | message size exceeds the recipient's limit |
        message is larger than the recipient allows | message exceeds administrative limit for this recipient |
        message length exceeds administrative limit | message length exceeds administrative |
        length exceeds administrative limit | too big for this mailbox | user's message size limit |
        recipient * message size limit | mailbox message size limit | exceeds maximum size for mailbox |
        exceeds the maximum message size for this mailbox | resolver rst recipsizelimit | recipsizelimit |
        recipient's maximum message size | message is larger than * recipient
    """,
    (BounceReason.SUSPEND, Weight.CLEAR): """
        disabled | suspended | deactivated | inactive | account disabled | account is disabled | account * disabled |
        account has been disabled | account * is disabled | account that you tried to reach is disabled |
        account that you tried to reach is inactive | account has been suspended | account suspended | account is suspended |
        account * suspended | account temporarily suspended | account is temporarily suspended |
        account is currently suspended | account inactive | account is inactive | account * is inactive |
        account is not active | account not active | account is currently inactive | account has been inactive |
        account deactivated | account has been deactivated | account is deactivated | account expired | account has expired |
        account is expired | account is locked | account locked | account has been locked | account is blocked |
        account blocked | account has been blocked | account blocked for inactivity | account temporarily disabled |
        account is temporarily disabled | account temporarily unavailable | account frozen | account is frozen |
        account dormant | account is on hold | account is being held | account has been discontinued | account * discontinued |
        account has been terminated | account terminated | account cancelled | account has been canceled |
        account has been cancelled | account not activated | account not enabled | account disabled or discontinued |
        has been disabled or discontinued | disabled or discontinued | disabled recipient address | disabled address |
        disabled account | disabled mailbox | disabled user | address disabled | address is disabled |
        address has been disabled | address * disabled | address has been suspended | address suspended | address is inactive |
        address inactive | address deactivated | email address is disabled | inactive user | inactive recipient |
        inactive mailbox | inactive account | inactive email | mailbox disabled | mailbox is disabled | mailbox * disabled |
        mailbox temporarily disabled | mailbox is temporarily disabled | mailbox has been disabled | mailbox inactive |
        mailbox is inactive | mailbox not active | mailbox is not active | mailbox currently suspended | mailbox suspended |
        mailbox is suspended | mailbox has been suspended | mailbox frozen | mailbox is frozen | mailbox locked |
        mailbox is locked | mailbox is blocked | mailbox blocked | mailbox has been blocked | mailbox expired |
        mailbox deactivated | mailbox is closed | mailbox has been closed | not accepting mail for this account |
        recipient disabled | recipient is disabled | recipient * disabled | recipient suspended | recipient is suspended |
        recipient is inactive | recipient inactive | recipient account is disabled | recipient deactivated |
        recipient temporarily suspended | suspended mailbox | suspended account | suspended user | suspended recipient |
        user disabled | user is disabled | user account disabled | user * disabled | user suspended | user is suspended |
        user has been suspended | user inactive | user is inactive | user not active | user is not active | user is locked |
        user is blocked | user is currently disabled | user account is expired | user account has expired |
        user account is disabled | user account is suspended | user deactivated | user is not enabled |
        user's account is disabled | user's account is inactive | login disabled | is a deactivated mailbox |
        is currently suspended | domain suspended | domain is suspended | domain has been suspended | domain is disabled |
        domain disabled | domain expired | domain inactive | due to extended inactivity | due to inactivity | for inactivity |
        extended inactivity new mail is not currently being accepted | has been inactive | p disableduser | p inactiveuser |
        disableduser | non-active user | service suspended | subscription expired | mailbox * archived | is not activated |
        this account is not allowed | mail is disabled for | mailbox is retired
    """,
    (BounceReason.SUPPRESSED, Weight.CERTAIN): """
        suppression list | suppressed recipient | recipient suppressed | address suppressed | address is suppressed |
        has been suppressed | is suppressed | was suppressed | recipient has been suppressed |
        amazon ses did not send the message to this address | suppressed this address | bounced address | previously bounced |
        address has previously bounced | on bounce list | in bounce list | globally suppressed |
        not delivering to previously bounced address | not delivering to a user who marked | recipient is on the suppression
    """,
    (BounceReason.FILTERED, Weight.CLEAR): """
        mail is rejected by recipients | cannot route mail to user | delivery to this address is restricted | message filtered |
        filtered by recipient | message filtered by | recipient filtered | rejected by recipient's filter |
        rejected by user filter | rejected by the recipient | rejected by recipient | refused by recipient |
        refused by the recipient | refused by user | blocked by recipient | blocked by the recipient | blocked by user |
        has blocked your | has blocked you | recipient has blocked | recipient does not want | recipient doesn't want |
        recipient does not accept | recipient will not accept | recipient only accepts | recipient refuses |
        recipient is only accepting | recipient is not accepting | recipient not accepting | recipient isn't accepting |
        is not accepting mail from this sender | is not accepting any mail | is not accepting mail | is not accepting messages |
        not accepting messages from | not accepting mail from | accepts mail only from | accept mail only from |
        only accepts mail from | restricted mailbox | personal whitelist | whitelist only | not on recipient's whitelist |
        not in the recipient's white list | not in whitelist | sender not in the whitelist |
        sender is not allowed by the recipient | user refused to receive | user refuses | user's filter | user rejected |
        user * rejected the message | user does not accept | user is not accepting mail | user is rejecting |
        the user has blocked | the recipient cannot accept | sieve filter rejected | rejected by sieve | refused by sieve |
        message refused by recipient's mail filter | automatically rejected by a mail filter | rejected by a mail filter |
        refused by the recipient's mail filtering program | because the recipient is not accepting |
        email preferences of the person | not currently accepting mail | has a policy to refuse |
        because the account is under domain restriction | due to recipient's preferences |
        the mailbox * is not currently accepting | mailbox not accepting | refused to accept mail from you |
        not permitted by recipient | recipient's settings
    """,
    (BounceReason.FILTERED, Weight.LIKELY): """
        mail filtering program | mail filter | recipient not allowed | recipient not permitted | mailbox temporarily locked |
        mailbox protected | closed for new mail | message rejected by the account | message rejected by user
    """,
    (BounceReason.USER_UNKNOWN, Weight.VAGUE): """
        address rejected | recipient rejected | recipient refused | address rejected by | recipient was refused |
        recipient not accepted | recipient is not accepted
    """,
}
