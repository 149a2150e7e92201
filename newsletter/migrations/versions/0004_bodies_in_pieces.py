"""Bodies in pieces.

Where readers get papers of their own no two bodies are alike, but what they are made of is: it is stored once for each issue.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-21 15:40:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "composed_piece",
        sa.Column("issue_id", ROW_ID, nullable=False),
        sa.Column("key", sa.String(length=24), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_composed_piece_issue_id_issue")),
        sa.PrimaryKeyConstraint("issue_id", "key", name=op.f("pk_composed_piece")),
    )


def downgrade() -> None:
    # Bodies that are lists of pieces say nothing without them; those issues are composed anew.
    op.execute(
        "DELETE FROM composed_body WHERE digest_id IN (SELECT id FROM digest WHERE issue_id IN (SELECT issue_id FROM composed_piece))"
    )
    op.drop_table("composed_piece")
