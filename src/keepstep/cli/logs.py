"""What a process that stays says while it works: a line each, on standard error. Never a query, a body or an answer."""

import logging
import sys


def log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    # The library tells of each job it fetches; what matters is said by the tasks themselves.
    # Of its plug-ins and contexts the schema's library tells at each start.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
