"""Codes of their own that large providers and filters give, as their postmaster pages explain them."""

from __future__ import annotations

from newsletter.inbound.bounces.phrases import Table, Weight
from newsletter.inbound.model import BounceReason

#: OFR and LPN: Orange and La Poste; RCP, POL, INT, MSG, DNS, CON: Facebook; CX: Cox; TSS, TS, BL, GL: Yahoo; S, SC, DY, OU, RP
#: and AS: Microsoft; HL, MI, DT and the RP with three letters: NetEase; RLY, HVU, DYN: AOL.
PROVIDERS: Table = {
    (BounceReason.USER_UNKNOWN, Weight.CERTAIN): """
        user doesn't have a yahoo | dd this user doesn't have a | mailbox unavailable s2017062302 |
        no valid recipients for this mm | requested action not taken no such user here | not listed in domino directory |
        not listed in public name & address book | not listed in the domino directory | no mailbox here by that name |
        recipient name is not recognized | recipientnotfound | resolver adr recipnotfound | resolver adr recipientnotfound |
        the email address you entered couldn't be found | account does not exist at the organization |
        email account that you tried to reach does not exist | wasn't delivered to * because the address couldn't be found |
        address couldn't be found | invalid final delivery userid | nosuchuser | no such user here by that name |
        domino * not found | in local recipient table | in virtual mailbox table | in virtual alias table |
        in relay recipient table | dd this user doesn't have | ofr_416 | lpn007_416 | rcp p1 | int p1 | int p3 | int p4 |
        mail action aborted mailbox not found | recipient address rejected: access denied as | as 201806281 |
        resolver adr exrecipnotfound | user unknown to virtual
    """,
    (BounceReason.HAS_MOVED, Weight.CERTAIN): """
        recipient no longer on server
    """,
    (BounceReason.MAILBOX_FULL, Weight.CERTAIN): """
        ofr_417 | lpn007_417
    """,
    (BounceReason.SUSPEND, Weight.CERTAIN): """
        ofr_420 | ofr_418 | lpn007_420 | this account has been disabled or discontinued | rcp t4
    """,
    (BounceReason.FILTERED, Weight.CERTAIN): """
        address couldn't be found or is unable to receive mail |
        because the address couldn't be found or is unable to receive mail | rcp p2 | rcp p3
    """,
    (BounceReason.MESG_TOO_BIG, Weight.CERTAIN): """
        ofr_505 | msg p1 | int p2
    """,
    (BounceReason.CONTENT_ERROR, Weight.CERTAIN): """
        msg p2
    """,
    (BounceReason.AUTH_FAILURE, Weight.CERTAIN): """
        doesn't meet the required authentication level | does not pass dmarc verification |
        does not meet the required authentication level | ofr_522 | pol p7 | mi:spf | mi:dma
    """,
    (BounceReason.BAD_REPUTATION, Weight.CERTAIN): """
        has been temporarily rate limited due to ip reputation | rejected due to the sending mta's poor reputation |
        message is suspicious due to the very low reputation | hl:rep
    """,
    (BounceReason.BLOCKED, Weight.CERTAIN): """
        cdrbl | ipbl0001 | ipbl0010 | ipbl0011 | ipbl0100 | ipbl0101 | ipbl0110 | ipbl0111 | ipbl1000 | ipbl1001 | ipbl1010 |
        ipbl1011 | ipbl1100 | ipbl1101 | ipbl1110 | ipbl1111 | ipbl00001 | ipbl100001 | ofr_102 | ofr_103 | lpn007_102 |
        since part of their network is on our block list | s3140 | s3150 | banned sending ip |
        traffic not accepted from this ip | as16012607 | cxbl | cxmj | bl21 | bl23 | ts03 |
        all messages from * will be permanently deferred | support proofpoint com | attrbl | blacklist att net | pol p1 |
        pol p2 | pol p3 | pol p4 | sc 002 | sc 003 | sc 004 | dy 001 | dy 002 | ou 001 | ou 002 | rly b1 | rly b2 | hvu:b1 |
        hvu:b2 | dyn:t1 | hl:ihu | hl:ipb | hl:itc | hl:mep | dt:rbl | wm:bli | cloudmark sender intelligence |
        csi cloudmark com
    """,
    (BounceReason.REJECTED, Weight.CERTAIN): """
        ofr_403 | ofr_405 | ofr_415 | ofr_402 | lpn007_405 | tss04 | unexpected volume or user complaints | cxsndr | cxmxrt |
        access denied banned sender | dt:sum | mi:imf | requested action not taken null sender is not allowed
    """,
    (BounceReason.REQUIRE_PTR, Weight.CERTAIN): """
        ofr_109 | cxdns | dns p3
    """,
    (BounceReason.SPEEDING, Weight.CERTAIN): """
        ofr_105 | rp 001 | rp 002 | rp 003 | has exceeded permitted limits within | tenant has exceeded threshold | gl01 |
        the user you are trying to contact is receiving mail | p messagesexceededquota | rcp t1 | rp:qrc | rp:trc | rp:rcl |
        mi:stc | mi:sfq | mi:dmc | hl:ifc | cxthrt
    """,
    (BounceReason.TOO_MANY_CONN, Weight.CERTAIN): """
        ofr_104 | cxcnct | con t1 | rcp t2 | hl:icc
    """,
    (BounceReason.SPAM_DETECTED, Weight.CERTAIN): """
        ofr_513 | ofr_515 | lpn007_510 | ofr_506 | lpn007_506 | aup#cxsnt | urlbl | sc 001 | hvu url | pol p6 | int p6 |
        dt:spm | message rejected under suspicion of spam
    """,
    (BounceReason.VIRUS_DETECTED, Weight.CERTAIN): """
        pol p5 | email rejected due to security policies | mcspamsignature
    """,
    (BounceReason.POLICY_VIOLATION, Weight.CERTAIN): """
        pol p8 | ofr_518 | message rejected due to local policy | message not accepted for policy reasons |
        message was blocked because its content presents a potential | policy that prohibited the mail
    """,
    (BounceReason.NOT_COMPLIANT_RFC, Weight.CERTAIN): """
        message not allowed headers are not rfc compliant | msg p3 | smtpsend * barelinefeedsareillegal
    """,
    (BounceReason.SECURITY_ERROR, Weight.CERTAIN): """
        email address is not verified | identities failed the check in region | resolver rst authrequired |
        resolver rst sendernotauthenticatedforgroup | resolver rst sendernotauthenticatedformailbox |
        because the sender was not authenticated | client was not authenticated to send anonymous mail
    """,
    (BounceReason.EXPIRED, Weight.CERTAIN): """
        queue expired
    """,
}
