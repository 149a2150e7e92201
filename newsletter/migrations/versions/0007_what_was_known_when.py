"""What was known when.

Facts of papers change after they were listed: what they were before is kept, so that a ranking can be repeated as it was known
at an instant, and so that readers can be told of a new title or a withdrawal. Signals move from a row for each snapshot to one for
each paper and source, as snapshots every hour would have made them the largest table by far; their instants lose the fractions
of their seconds.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-21 21:30:00
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Seconds since 1970, votes, comments and stars; -1 was not measured.
SNAPSHOT = struct.Struct("<Iiii")
#: Papers whose signals are moved together.
PAGE = 500

signal = sa.table(
    "signal",
    sa.column("paper_seq", ROW_ID),
    sa.column("source", sa.String()),
    sa.column("observed_at", sa.DateTime(timezone=True)),
    sa.column("votes", sa.Integer()),
    sa.column("comments", sa.Integer()),
    sa.column("stars", sa.Integer()),
)
signal_series = sa.table(
    "signal_series",
    sa.column("paper_seq", ROW_ID),
    sa.column("source", sa.String()),
    sa.column("snapshots", sa.LargeBinary()),
)


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
    op.create_table(
        "signal_series",
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("snapshots", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_signal_series_paper_seq_paper")),
        sa.PrimaryKeyConstraint("paper_seq", "source", name=op.f("pk_signal_series")),
    )
    for rows in _pages(signal, "source", "observed_at"):
        series = [
            {"paper_seq": seq, "source": source, "snapshots": _packed(some)}
            for (seq, source), some in groupby(rows, key=itemgetter(0, 1))
        ]
        op.bulk_insert(signal_series, [one for one in series if one["snapshots"]])
    op.drop_table("signal")


def downgrade() -> None:
    op.create_table(
        "signal",
        sa.Column("paper_seq", ROW_ID, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["paper_seq"], ["paper.seq"], name=op.f("fk_signal_paper_seq_paper")),
        sa.PrimaryKeyConstraint("paper_seq", "source", "observed_at", name=op.f("pk_signal")),
    )
    op.create_index(op.f("ix_signal_observed_at"), "signal", ["observed_at"], unique=False)
    for rows in _pages(signal_series, "source"):
        op.bulk_insert(signal, [snapshot for seq, source, series in rows for snapshot in _unpacked(seq, source, bytes(series))])
    op.drop_table("signal_series")
    op.drop_table("paper_change")


def _pages(table: sa.TableClause, *order: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield a table's rows by paper and then by ``order``, all rows of ``PAGE`` papers at a time."""
    connection, last = op.get_bind(), 0
    key = table.c.paper_seq
    while True:
        some = sa.select(key).where(key > last).distinct().order_by(key).limit(PAGE)
        seqs = list(connection.scalars(some))
        if not seqs:
            return
        rows = sa.select(table).where(key > last, key <= seqs[-1])
        yield [tuple(row) for row in connection.execute(rows.order_by(key, *(table.c[name] for name in order)))]
        last = seqs[-1]


def _packed(rows: Iterator[tuple[Any, ...]]) -> bytes:
    snapshots: dict[int, bytes] = {}
    for _, _, at, *figures in rows:
        second = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
        if 0 <= second < 2**32:
            snapshots.setdefault(second, SNAPSHOT.pack(second, *(-1 if value is None else value for value in figures)))
    return b"".join(snapshots.values())


def _unpacked(seq: object, source: object, series: bytes) -> Iterator[dict[str, object]]:
    for second, *figures in SNAPSHOT.iter_unpack(series):
        votes, comments, stars = (None if value == -1 else value for value in figures)
        at = datetime.fromtimestamp(second, UTC)
        yield {"paper_seq": seq, "source": source, "observed_at": at, "votes": votes, "comments": comments, "stars": stars}
