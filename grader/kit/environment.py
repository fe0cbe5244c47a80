"""Every GRADER_* variable there is. One that is not here is a mistake of whoever set it, and is said at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

PREFIX = "GRADER_"

# Name to what it is for; docs/settings.md says the same at length, and a test compares the names.
VARIABLES: dict[str, str] = {
    "GRADER_SPECS": "folder of specs",
    "GRADER_SANDBOX": "docker, bwrap or fork; else docker or bwrap, whichever works",
    "GRADER_SANDBOX_IMAGE": "image of the docker sandbox",
    "GRADER_DOCKER_RUNTIME": "runtime of the docker sandbox, such as runsc",
    "GRADER_DATA_DIR": "folder of real data sets",
    "GRADER_GPUS": "which GPUs a worker grades on: none, all, or their numbers",
    "GRADER_GPU_SHARES": "sandboxes that share one GPU",
    "GRADER_DEBUG": "print tracebacks",
    "GRADER_DATABASE_URL": "postgresql+psycopg://... of the service",
    "GRADER_DATABASE_PASSWORD_FILE": "file with the password that GRADER_DATABASE_URL leaves out",
    "GRADER_BROKER_URL": "Redis, as Celery writes it",
    "GRADER_BROKER_PASSWORD_FILE": "file with the password that GRADER_BROKER_URL leaves out",
    "GRADER_BLOBS_URL": "where uploads and artifacts are kept: a path or an fsspec URL",
    "GRADER_PUBLIC_URL": "address under which browsers reach the service",
    "GRADER_SECRET_FILE": "file with the key that signs the OpenID Connect state",
    "GRADER_OIDC_ISSUER": "OpenID Connect issuer; signing in by it is offered when set",
    "GRADER_OIDC_CLIENT_ID": "our name at the issuer",
    "GRADER_OIDC_CLIENT_SECRET_FILE": "file with our secret at the issuer",
    "GRADER_LTI_KEYS_FILE": "file with our key pairs for learning platforms; LTI is on when it holds one",
    "GRADER_LEASE_S": "seconds a worker may be silent before its stage is another's",
    "GRADER_SWEEP_S": "seconds between two sweeps",
    "GRADER_SMTP_URL": "mail server, smtps://user@host:465 or smtp://user@host:587; unset, no e-mail is sent",
    "GRADER_SMTP_PASSWORD_FILE": "file with the password that GRADER_SMTP_URL leaves out",
    "GRADER_MAIL_FROM": "address that e-mail comes from",
    "GRADER_DUE_SOON_H": "hours before the due date at which students are reminded",
    "GRADER_WEBHOOK_NETWORKS": "networks that webhooks may reach though they are not public",
    "GRADER_WORKER_JOBS": "stages a worker grades at the same time",
    "GRADER_DRAIN_S": "seconds a worker that is told to stop goes on with what it grades",
    "GRADER_LOG_FORMAT": "text or json",
    "GRADER_METRICS_ADDRESS": "host:port where a worker or the sweep shows its figures to Prometheus",
    "GRADER_URL": "address of the service, for the command line",
    "GRADER_TOKEN": "API token, for the command line",
    "GRADER_CONFIG": "file with url and token, for the command line",
}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each GRADER_* variable that nobody reads."""
    sentences = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES:
            close = difflib.get_close_matches(name, VARIABLES, n=1)
            meant = f"; did you mean {close[0]}?" if close else "; docs/settings.md lists those there are."
            sentences.append(f"There is no setting {name}{meant}")
    return sentences
