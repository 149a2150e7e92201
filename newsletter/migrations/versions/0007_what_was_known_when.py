"""What was known when.

Facts of papers change after they were listed: what they were before is kept, so that a ranking can be repeated as it was known
at an instant, and so that readers can be told of a new title or a withdrawal.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-21 21:30:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "paper_change",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_paper_change_paper_seq_paper")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_change")),
    )
    op.create_index(op.f("ix_paper_change_paper_seq"), "paper_change", ["paper_seq"], unique=False)
    op.create_index(op.f("ix_paper_change_at"), "paper_change", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("paper_change")
