"""Late bloomers and corrections.

A pool has sections, and an issue says which papers of earlier ones were withdrawn or got another title; each digest holds those
that concern its readers.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-21 21:30:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("issue_paper", schema=None) as batch_op:
        batch_op.add_column(sa.Column("section", sa.String(length=16), server_default="top", nullable=False))
    with op.batch_alter_table("digest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("corrections", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "issue_correction",
        sa.Column("issue_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title_before", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_issue_correction_issue_id_issue")),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_issue_correction_paper_seq_paper")),
        sa.PrimaryKeyConstraint("issue_id", "position", name=op.f("pk_issue_correction")),
    )
    op.create_index(
        op.f("ix_issue_correction_paper_seq_issue_correction_issue_id"),
        "issue_correction",
        ["paper_seq", "issue_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("issue_correction")
    # Not as a batch: that makes the table anew, and deliveries refer to its rows.
    op.drop_column("digest", "corrections")
    op.drop_column("issue_paper", "section")
