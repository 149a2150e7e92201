"""Written summaries.

What a service wrote is kept, so that nothing is paid for twice; days are counted, so that all processes share one budget.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-21 18:45:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "paper_summary",
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("of", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_paper_summary_paper_seq_paper")),
        sa.PrimaryKeyConstraint("paper_seq", name=op.f("pk_paper_summary")),
    )
    op.create_table(
        "summary_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_summary_day")),
    )


def downgrade() -> None:
    op.drop_table("summary_day")
    op.drop_table("paper_summary")
