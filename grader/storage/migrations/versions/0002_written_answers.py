"""Written answers that come beside a file. A version that does not know the column goes on working."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("submissions", sa.Column("answers_sha256", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("submissions", "answers_sha256")
