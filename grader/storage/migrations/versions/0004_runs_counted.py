"""How many runs ended in which state, without counting them: a trigger notes each, whichever statement ended it.

What is waiting, being graded or failed is few, and counted by its index. Of the rest each ending adds a row, so that no
two transactions wait for the same one; the sweep folds them. Older code works as before: the trigger counts for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes: docs/scaling.md.
oldest_code: str = "0001"

_NOTE = """
CREATE FUNCTION note_ended_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.state IN ('graded', 'rejected') THEN
        INSERT INTO ended_runs (state, runs) VALUES (OLD.state, -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state IN ('graded', 'rejected') THEN
        INSERT INTO ended_runs (state, runs) VALUES (NEW.state, 1);
    END IF;
    RETURN NULL;
END $$
"""
_ON_END = """
CREATE TRIGGER note_ended_run AFTER INSERT OR DELETE OR UPDATE OF state ON runs
FOR EACH ROW EXECUTE FUNCTION note_ended_run()
"""


def upgrade() -> None:
    op.create_table(
        "ended_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_runs")),
    )
    op.execute(_NOTE)
    # Making the trigger locks the table against writes until the end, so nothing is counted twice or not at all.
    op.execute(_ON_END)
    op.execute(
        "INSERT INTO ended_runs (state, runs) "
        "SELECT state, count(*) FROM runs WHERE state IN ('graded', 'rejected') GROUP BY state"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_ended_run ON runs")
    op.execute("DROP FUNCTION note_ended_run")
    op.drop_table("ended_runs")
