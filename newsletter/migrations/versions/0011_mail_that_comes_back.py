"""Mail that comes back.

Mails that came in, what came back of messages, how readers' mailboxes fare, and mails to people who are no subscribers.

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-22 00:40:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "inbound_mail",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("envelope_from", sa.String(length=1000), nullable=True),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=48), nullable=False),
        sa.Column("newsletter", sa.String(length=64), nullable=False),
        sa.Column("subscriber_id", ROW_ID, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("handled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_mail")),
        sa.UniqueConstraint("key", name=op.f("uq_inbound_mail_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("inbound_mail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_mail_received_at"), ["received_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_inbound_mail_subscriber_id"), ["subscriber_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_inbound_mail_state_inbound_mail_not_before_inbound_mail_id"),
            ["state", "not_before", "id"],
            unique=False,
        )
    op.create_table(
        "inbound_person",
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("inbound_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_mail.id"], name=op.f("fk_inbound_person_inbound_id_inbound_mail"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("address_hash", "inbound_id", name=op.f("pk_inbound_person")),
    )
    with op.batch_alter_table("inbound_person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_person_inbound_id"), ["inbound_id"], unique=False)
    op.create_table(
        "inbound_erased",
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("up_to", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_inbound_erased")),
    )
    op.create_table(
        "returned",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("delivery_id", ROW_ID, nullable=True),
        sa.Column("notice_id", ROW_ID, nullable=True),
        sa.Column("issue_id", ROW_ID, nullable=True),
        sa.Column("subscriber_id", ROW_ID, nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("relay", sa.String(length=63), nullable=False),
        sa.Column("inbound_id", ROW_ID, nullable=True),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returned")),
        sa.UniqueConstraint("delivery_id", "kind", name=op.f("uq_returned_delivery_id_kind")),
        sa.UniqueConstraint("notice_id", "kind", name=op.f("uq_returned_notice_id_kind")),
    )
    with op.batch_alter_table("returned", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_returned_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_returned_subscriber_id"), ["subscriber_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_returned_issue_id_returned_kind"), ["issue_id", "kind"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("subscriber_id", ROW_ID, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("stepped_at", INSTANT, nullable=False),
        sa.Column("probed_at", INSTANT, nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_mailbox_subscriber_id_subscriber"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_mailbox")),
    )
    op.create_table(
        "answered",
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_answered")),
    )
    with op.batch_alter_table("answered", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answered_since"), ["since"], unique=False)
    op.add_column("delivery", sa.Column("relay", sa.String(length=63), server_default="", nullable=False))
    with op.batch_alter_table("notice", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(sa.Column("details", sa.JSON(), server_default="{}", nullable=False))
        batch_op.alter_column("subscriber_id", existing_type=ROW_ID, nullable=True)


def downgrade() -> None:
    # What it can have no row for is not of the kinds that this version knows either.
    op.execute("DELETE FROM notice WHERE subscriber_id IS NULL OR kind IN ('answer', 'operator', 'probe')")
    with op.batch_alter_table("notice", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.alter_column("subscriber_id", existing_type=ROW_ID, nullable=False)
        batch_op.drop_column("details")
    # Not as a batch: that makes the table anew.
    op.drop_column("delivery", "relay")
    op.drop_table("answered")
    op.drop_table("mailbox")
    op.drop_table("returned")
    op.drop_table("inbound_erased")
    op.drop_table("inbound_person")
    op.drop_table("inbound_mail")
