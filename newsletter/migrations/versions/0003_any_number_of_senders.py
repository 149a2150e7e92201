"""Any number of senders, each known by its beat, held to one pace.

A claim names the worker that holds it instead of an instant at which it ends; deliveries keep two indexes instead of four, as
every change of state pays for each; issues say why they are paused.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21 12:30:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "worker",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pace",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("worker_id", ROW_ID, nullable=True))
        batch_op.drop_column("lease_until")
        batch_op.drop_index(op.f("ix_delivery_state_delivery_not_before_delivery_id"))
        batch_op.drop_index(op.f("ix_delivery_subscriber_id_delivery_issue_id"))
        batch_op.drop_constraint(op.f("uq_delivery_issue_id_subscriber_id"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_delivery_subscriber_id_issue_id"), ["subscriber_id", "issue_id"])
    with op.batch_alter_table("issue", schema=None) as batch_op:
        batch_op.add_column(sa.Column("note", sa.String(length=500), nullable=False, server_default=""))
    with op.batch_alter_table("issue", schema=None) as batch_op:
        batch_op.alter_column("note", existing_type=sa.String(length=500), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("issue", schema=None) as batch_op:
        batch_op.drop_column("note")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_delivery_subscriber_id_issue_id"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_delivery_issue_id_subscriber_id"), ["issue_id", "subscriber_id"])
        batch_op.create_index(op.f("ix_delivery_subscriber_id_delivery_issue_id"), ["subscriber_id", "issue_id"])
        batch_op.create_index(op.f("ix_delivery_state_delivery_not_before_delivery_id"), ["state", "not_before", "id"])
        batch_op.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_column("worker_id")
    op.drop_table("pace")
    op.drop_table("worker")
