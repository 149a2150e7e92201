"""Pictures.

Mails show them from the operator's own pages, which any machine may serve: they are kept in the database.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-21 18:40:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "picture",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("is_logo", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_picture")),
    )
    op.create_index(op.f("ix_picture_made_at"), "picture", ["made_at"])
    op.create_table(
        "paper_picture",
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("source_url", sa.Text(), nullable=False),
        sa.Column("large_name", sa.String(length=32), nullable=True),
        sa.Column("small_name", sa.String(length=32), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_paper_picture_paper_seq_paper")),
        sa.ForeignKeyConstraint(["large_name"], ["picture.name"], name=op.f("fk_paper_picture_large_name_picture")),
        sa.ForeignKeyConstraint(["small_name"], ["picture.name"], name=op.f("fk_paper_picture_small_name_picture")),
        sa.PrimaryKeyConstraint("paper_seq", name=op.f("pk_paper_picture")),
    )
    for column in ("large_name", "small_name", "asked_at"):
        op.create_index(op.f(f"ix_paper_picture_{column}"), "paper_picture", [column])


def downgrade() -> None:
    # What mails already link to is lost with it, and made again after the next run of the sources.
    op.drop_table("paper_picture")
    op.drop_table("picture")
