"""Whether somebody knows the password of an account: counted first, then looked at outside of any transaction, few at a time."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request

from keepstep.actions.accounts import LONGEST_PASSWORD
from keepstep.actions.sessions import count_try, is_password_of
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_write
from keepstep.queries.sessions import Credentials, find_credentials

log = logging.getLogger("keepstep.web")


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not the password. `wait` is how long no further try is looked at."""

    wait: timedelta | None = None

    @property
    def minutes(self) -> int:
        """The wait as people are told it; 0 without one."""
        return -(-int(self.wait.total_seconds()) // 60) if self.wait else 0


async def checked_password(request: Request, email: str, password: str) -> Credentials | Refused:
    """Whose password it is. The check would hold a connection for long, so the one that reads is given back before."""
    resources: Resources = request.app.state.resources
    async with open_write(resources.engine) as tx:
        wait = await count_try(resources.context(SYSTEM), tx, email=email, address=address_of_client(request))
        found = await find_credentials(tx, email)
    if wait is not None:
        log.warning("sign-in throttled")
        return Refused(wait)
    async with request.app.state.password_checks:
        is_right = await is_password_of(found.password_hash if found else None, password[:LONGEST_PASSWORD])
    if found is None or not is_right:
        log.info("sign-in refused")
        return Refused()
    return found


def address_of_client(request: Request) -> str:
    """Where a request comes from, for counting."""
    return request.client.host if request.client else "unknown"


async def typed_password(request: Request, name: str = "password") -> str:
    """As typed: space at its ends belongs to it."""
    given = (await request.form()).get(name, "")
    return given if isinstance(given, str) else ""
