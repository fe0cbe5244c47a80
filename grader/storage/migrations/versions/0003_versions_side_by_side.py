"""Old and new code over one database: the schema says whom it still serves, workers say that they drain.

From here on `schema_support` names the oldest code that works with the schema, and each connection of ours says which
code it is (`grader.code`). Code that says nothing is older than that: it may be older than written answers too, and
would judge a submission as if none had come with it. So the database refuses it such a stage; a newer worker takes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_REFUSE = """
CREATE FUNCTION refuse_code_without_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0002' AND EXISTS (
        SELECT FROM runs JOIN submissions ON submissions.id = runs.submission_id
        WHERE runs.id = NEW.run_id AND submissions.answers_sha256 IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'This worker is too old for a submission with written answers; a newer one grades it.';
    END IF;
    RETURN NEW;
END $$
"""
_ON_CLAIM = """
CREATE TRIGGER refuse_code_without_answers BEFORE UPDATE OF state ON run_stages
FOR EACH ROW WHEN (NEW.state = 'leased') EXECUTE FUNCTION refuse_code_without_answers()
"""


def upgrade() -> None:
    op.create_table("schema_support", sa.Column("oldest_code", sa.String(), nullable=False))
    op.create_primary_key("pk_schema_support", "schema_support", ["oldest_code"])
    op.add_column("workers", sa.Column("draining", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(_REFUSE)
    op.execute(_ON_CLAIM)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_code_without_answers ON run_stages")
    op.execute("DROP FUNCTION refuse_code_without_answers")
    op.drop_column("workers", "draining")
    op.drop_table("schema_support")
