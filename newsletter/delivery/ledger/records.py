"""What becomes of claims, written down: the intent before a message's dot leaves, the result after its reply.

Both go in one statement, so that where nothing else is to be written a commit costs one round trip to the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from operator import itemgetter

from sqlalchemy.orm import Session

from newsletter.database import KeptConnection
from newsletter.delivery.model import Claim, DeliveryId, DeliveryState, Finding
from newsletter.delivery.rows import INSTANT, MOST_ROWS, change_rows, read_rows

_INTENT = DeliveryState.DOT_SENT.value
_ID = itemgetter(0)


def record(
    where: Session | KeptConnection, *, results: Sequence[Finding] = (), intents: Sequence[Claim] = (), now: datetime
) -> frozenset[DeliveryId]:
    """Write results, and that the final dots of ``intents`` are about to leave; return the deliveries whose dot may.

    An intent is refused if somebody else took the claim over, its issue is not open any more, or its reader left or was
    suppressed. Once it is committed a crash leaves the message in doubt. A result counts only under its claim's epoch; one that
    says "sent" counts even when the delivery was taken over meanwhile, as long as nobody claimed it again: it is the truth, and
    a repeat is spared. Writing the same result again changes nothing.

    Args:
        where: a session's transaction, or a connection on which this becomes a transaction of its own (more than
            :data:`~newsletter.delivery.rows.MOST_ROWS` rows: several, results first).
        results: of other claims than ``intents``.
        intents: claims whose body went out.
        now: aware UTC.
    """
    # By ascending id, as everybody does who changes several rows: nobody waits for one who waits for him.
    rows = sorted((_result(found) for found in results), key=_ID)
    asking = ((claim.delivery_id, claim.epoch, _INTENT, *_UNCHANGED, claim.address_hash, None) for claim in intents)
    rows += sorted(asking, key=_ID)
    if len(rows) <= MOST_ROWS:
        rows.sort(key=_ID)
    changed = change_rows(where, _RECORD, _TYPES, rows, {"now": now})
    if changed == len(rows) or not intents:
        return frozenset([claim.delivery_id for claim in intents])
    asked = [(claim.delivery_id, claim.epoch) for claim in intents]
    with nullcontext(where) if isinstance(where, Session) else where.write() as session:
        return frozenset(DeliveryId(row[0]) for row in read_rows(session, _ACCEPTED, {"now": now}, _TYPES[:2], asked))


def _result(found: Finding) -> tuple[object, ...]:
    outcome, reply = found.outcome, found.outcome.reply
    code, status, text = (None, "", "") if reply is None else (reply.code, reply.status, reply.text)
    return (
        found.delivery_id,
        found.epoch,
        outcome.state.value,
        str(outcome.reason),
        outcome.attempts,
        outcome.not_before,
        code,
        status,
        text,
        None,
        outcome.relay or None,
    )


#: Of a row's columns, those an intent leaves as they are.
_UNCHANGED = (None,) * 6
_TYPES = (
    *("BIGINT", "INTEGER", "VARCHAR(16)", "VARCHAR(32)", "INTEGER"),
    *(INSTANT, "INTEGER", "VARCHAR(16)", "TEXT", "VARCHAR(64)", "VARCHAR(63)"),
)
#: A server may quote the address, and its owner may have been erased while the message was on its way. OFFSET 0 has each row's
#: readers looked up by their keys: without it PostgreSQL may list all that there are first, where it has no statistics yet.
_RECORD = """
UPDATE delivery SET
  state = said.column3,
  reason = COALESCE(said.column4, delivery.reason),
  attempts = COALESCE(said.column5, delivery.attempts),
  not_before = COALESCE(said.column6, delivery.not_before),
  worker_id = CASE said.column3 WHEN 'dot_sent' THEN delivery.worker_id END,
  reply_code = CASE said.column3 WHEN 'dot_sent' THEN delivery.reply_code ELSE said.column7 END,
  reply_status = COALESCE(said.column8, delivery.reply_status),
  reply_text = CASE WHEN said.column9 IS NULL THEN delivery.reply_text WHEN said.column9 <> '' AND EXISTS (
    SELECT 1 FROM subscriber WHERE subscriber.id = delivery.subscriber_id AND subscriber.state = 'erased' LIMIT 1 OFFSET 0
  ) THEN '' ELSE said.column9 END,
  relay = COALESCE(said.column11, delivery.relay),
  changed_at = :now
FROM (VALUES :rows) AS said
WHERE delivery.id = said.column1 AND delivery.epoch = said.column2 AND CASE said.column3
  WHEN 'dot_sent' THEN delivery.state = 'claimed'
    AND EXISTS (
      SELECT 1 FROM issue, subscriber, subscription
      WHERE issue.id = delivery.issue_id AND issue.state = 'open'
        AND subscriber.id = delivery.subscriber_id AND subscriber.state = 'active'
        AND subscription.subscriber_id = delivery.subscriber_id AND subscription.newsletter = issue.newsletter
      LIMIT 1 OFFSET 0
    )
    AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.address_hash = said.column10 LIMIT 1 OFFSET 0)
  ELSE delivery.state IN ('claimed', 'dot_sent')
    OR (said.column3 = 'sent' AND delivery.state IN ('pending', 'deferred', 'doubtful'))
END
"""
#: Asked when fewer rows changed than were written. An intent that was given before has another instant.
_ACCEPTED = """
SELECT delivery.id FROM delivery
WHERE delivery.changed_at = :now AND delivery.state = 'dot_sent' AND (delivery.id, delivery.epoch) IN (VALUES :rows)
"""
