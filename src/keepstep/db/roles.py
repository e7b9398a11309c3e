"""Who may do what in the database: three roles, and each table's privileges of two of them.

keepstep_owner owns everything, keepstep_app works, keepstep_eraser owns erase_run. Roles belong to the whole database
server; several Keepstep databases on one server share them. Must not know what the tables hold.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from keepstep.core.issue import Issue, pointer
from keepstep.db.engine import APP_ROLE

OWNER_ROLE: Final = "keepstep_owner"
ERASER_ROLE: Final = "keepstep_eraser"
ROLES: Final = (OWNER_ROLE, APP_ROLE, ERASER_ROLE)

_READ: Final = frozenset({"SELECT"})
_APPEND: Final = frozenset({"SELECT", "INSERT"})
_NUMBERS: Final = frozenset({"SELECT", "UPDATE"})
_CHANGE: Final = frozenset({"SELECT", "INSERT", "UPDATE"})
_ALL: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

APP_PRIVILEGES: Final = {
    "alembic_version": _READ,
    # No DELETE: removal keeps the row (semantics 22).
    "wizards": _CHANGE,
    "draft_edits": _APPEND,
    "wizard_versions": _APPEND,
    "version_option_sets": _APPEND,
    "nodes": _APPEND,
    "option_values": _APPEND,
    "reserved_keys": _APPEND,
    "import_receipts": _APPEND,
    "invitations": _ALL,
    "start_tries": _ALL,
    "run_views": _ALL,
    "wizard_runs": _CHANGE,
    "run_revisions": _APPEND,
    # Written by erase_run alone.
    "erasures": _READ,
    "edits": _ALL,
    "passages": _ALL,
    "files": _ALL,
    "plans": _CHANGE,
    "migration_jobs": _CHANGE,
    "migration_chunks": _CHANGE,
    "migration_items": _APPEND,
    "migration_resolutions": _ALL,
    "migration_manifests": _APPEND,
    "checkpoints": _APPEND,
    "users": _CHANGE,
    "sessions": _ALL,
    "sign_in_tries": _ALL,
    "user_identities": _ALL,
    "password_links": _ALL,
    "oidc_requests": _ALL,
    "api_tokens": _CHANGE,
    "grants": _ALL,
    "audit_events": _APPEND,
    "run_responses": _READ,
    "run_responses_all": _READ,
    # The library of the jobs: its tables, and the sequences of their ids, from which a number is taken by an update.
    "procrastinate_jobs": _ALL,
    "procrastinate_events": _ALL,
    "procrastinate_workers": _ALL,
    "procrastinate_periodic_defers": _ALL,
    "procrastinate_jobs_id_seq": _NUMBERS,
    "procrastinate_events_id_seq": _NUMBERS,
    "procrastinate_periodic_defers_id_seq": _NUMBERS,
}
ERASER_PRIVILEGES: Final = {
    "wizard_runs": frozenset({"SELECT", "UPDATE"}),
    "run_revisions": frozenset({"SELECT", "UPDATE"}),
    "erasures": _APPEND,
    "edits": frozenset({"SELECT", "UPDATE", "DELETE"}),
    "files": frozenset({"SELECT", "DELETE"}),
    "migration_resolutions": frozenset({"SELECT", "DELETE"}),
    "audit_events": _APPEND,
}
PRIVILEGES: Final = {APP_ROLE: APP_PRIVILEGES, ERASER_ROLE: ERASER_PRIVILEGES}
# Everything a table can grant; what a role has beyond its list is reported and taken away.
TABLE_PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# Insufficient privilege.
_NOT_ALLOWED: Final = frozenset({"42501"})


def missing_roles(connection: Connection) -> tuple[str, ...]:
    """The roles that this server does not have."""
    there = set(connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": list(ROLES)}))
    return tuple(role for role in ROLES if role not in there)


def take_roles(connection: Connection) -> bool:
    """Whether the roles exist and this login may act as all of them; made and granted where that is allowed.

    A login that may not is left as it was: all of it happens, or none.
    """
    part = connection.begin_nested()
    try:
        _make_roles(connection)
    except DBAPIError as error:
        part.rollback()
        if getattr(error.orig, "sqlstate", None) not in _NOT_ALLOWED:
            raise
        return False
    part.commit()
    return True


def _make_roles(connection: Connection) -> None:
    login, schema = _quoted(connection, "session_user"), _quoted(connection, "current_schema()")
    for role in missing_roles(connection):
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
    for role in ROLES:
        if not connection.scalar(text("SELECT pg_has_role(session_user, :role, 'USAGE')"), {"role": role}):
            connection.execute(text(f"GRANT {role} TO {login}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
    # A function can only be handed to a role that could have made it; the eraser loses this again in `hand_over`.
    connection.execute(text(f"GRANT CREATE ON SCHEMA {schema} TO {OWNER_ROLE}, {ERASER_ROLE}"))
    # GRANT without the right to grant is a warning and no error, so it is tried out.
    connection.execute(text(f"SET LOCAL ROLE {OWNER_ROLE}"))
    connection.execute(text("CREATE FUNCTION keepstep_may_create() RETURNS void LANGUAGE sql AS ''"))
    connection.execute(text("DROP FUNCTION keepstep_may_create()"))
    connection.execute(text("RESET ROLE"))


def _quoted(connection: Connection, name: str) -> str:
    return str(connection.scalar(text(f"SELECT quote_ident({name})")))


def act_as_owner(connection: Connection) -> None:
    """Until the end of the transaction, or `act_as_login`."""
    connection.execute(text(f"SET LOCAL ROLE {OWNER_ROLE}"))


def act_as_login(connection: Connection) -> None:
    """As who connected."""
    connection.execute(text("RESET ROLE"))


def adopt(connection: Connection) -> None:
    """Hands what was made before there were roles, or by hand, to the owner."""
    for statement in _foreign_owned(connection):
        connection.execute(text(statement))


def hand_over(connection: Connection, erase_run: str) -> None:
    """The privileges declared here, and the eraser's function; `erase_run` is that function with its arguments.

    Acts as the login, which gives up the eraser at the end: nobody but the function is to be it.
    """
    connection.execute(text(f"ALTER FUNCTION {erase_run} OWNER TO {ERASER_ROLE}"))
    connection.execute(text(f"REVOKE ALL ON FUNCTION {erase_run} FROM PUBLIC"))
    connection.execute(text(f"GRANT EXECUTE ON FUNCTION {erase_run} TO {APP_ROLE}"))
    for role, tables in PRIVILEGES.items():
        for table in APP_PRIVILEGES:
            connection.execute(text(f"REVOKE ALL ON {table} FROM {role}"))
        for table, privileges in tables.items():
            connection.execute(text(f"GRANT {', '.join(sorted(privileges))} ON {table} TO {role}"))
    connection.execute(text(f"REVOKE CREATE ON SCHEMA {_quoted(connection, 'current_schema()')} FROM {ERASER_ROLE}"))
    connection.execute(text(f"REVOKE {ERASER_ROLE} FROM {_quoted(connection, 'session_user')}"))
    for member in _erasers(connection):
        # What another than this login has granted, only that one can take away; `role_faults` goes on to name it.
        connection.execute(text(f"REVOKE {ERASER_ROLE} FROM {member}"))


def _erasers(connection: Connection) -> Sequence[str]:
    """Who may act as the eraser, quoted. A superuser may anyway; to have been given the right to hand it on is not to have it."""
    right = "CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END"
    statement = f"""
        SELECT quote_ident(member.rolname) FROM pg_roles AS member JOIN pg_roles AS eraser ON eraser.rolname = :eraser
        WHERE member.oid <> eraser.oid AND NOT member.rolsuper
          AND (pg_has_role(member.oid, eraser.oid, 'USAGE') OR pg_has_role(member.oid, eraser.oid, {right}))
        ORDER BY 1
        """  # noqa: S608 - `right` is a constant
    return connection.scalars(text(statement), {"eraser": ERASER_ROLE}).all()


def _foreign_owned(connection: Connection) -> Sequence[str]:
    return connection.scalars(_FOREIGN_OWNED, {"owner": OWNER_ROLE, "tables": list(APP_PRIVILEGES)}).all()


# What was made before the roles were there, or by hand, as the statements that hand it over.
_FOREIGN_OWNED: Final = text(
    """
    SELECT format('ALTER %s %I OWNER TO %I', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname, CAST(:owner AS text))
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:tables) AND pg_get_userbyid(relowner) <> :owner
      -- A sequence goes with the table whose ids it gives.
      AND relkind <> 'S'
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO %I', oid::regprocedure, CAST(:owner AS text))
    FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND pg_get_userbyid(proowner) <> :owner
      AND (starts_with(proname, 'keepstep_') OR starts_with(proname, 'procrastinate_'))
    UNION ALL
    SELECT format('ALTER TYPE %I OWNER TO %I', typname, CAST(:owner AS text))
    FROM pg_type
    WHERE typnamespace = current_schema()::regnamespace AND pg_get_userbyid(typowner) <> :owner
      AND starts_with(typname, 'procrastinate_')
      AND (typtype = 'e' OR typtype = 'c' AND EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))
    """
)


def role_faults(connection: Connection) -> tuple[Issue, ...]:
    """What differs from what is declared here; only what a later `upgrade` with enough rights puts right."""
    missing = missing_roles(connection)
    if missing:
        what = f"Missing: {', '.join(missing)}. This login may not create roles, so triggers alone protect what is stored."
        return (Issue("/roles", "roles-missing", f"{what} Let a login that may create them run `keepstep db upgrade`."),)
    return (*_owner_faults(connection), *_privilege_faults(connection), *eraser_faults(connection))


def eraser_faults(connection: Connection) -> tuple[Issue, ...]:
    """Who may act as the eraser, and so take answers away past `erase_run`: that is for nobody but the function."""
    what = f"{{}} may act as {ERASER_ROLE}: whoever granted that has to take it away, or `keepstep db upgrade` does."
    return tuple(Issue(pointer("roles", ERASER_ROLE), "eraser-granted", what.format(member)) for member in _erasers(connection))


def _owner_faults(connection: Connection) -> tuple[Issue, ...]:
    foreign = _foreign_owned(connection)
    eraser = connection.scalar(text("SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'erase_run'"))
    faults = []
    if foreign:
        what = f"{len(foreign)} tables, views or functions do not belong to {OWNER_ROLE}, so triggers alone protect what is stored."
        faults.append(Issue("/roles", "owner-differs", f"{what} Let a login that may act as the roles run `keepstep db upgrade`."))
    if eraser != ERASER_ROLE:
        faults.append(Issue("/functions/erase_run", "owner-differs", f"erase_run belongs to {eraser} instead of {ERASER_ROLE}."))
    return tuple(faults)


def _privilege_faults(connection: Connection) -> tuple[Issue, ...]:
    return tuple(
        Issue(pointer("tables", table), "privilege-differs", f"{role} {'may' if may else 'may not'} {privilege}.")
        for role, declared in PRIVILEGES.items()
        for (table, privilege), may in _held(connection, role).items()
        if may != (privilege in declared.get(table, ()))
    )


def _held(connection: Connection, role: str) -> dict[tuple[str, str], bool]:
    """Each of Keepstep's tables with each privilege, and whether the role holds it."""
    statement = text(
        """
        SELECT relname::text, privilege, has_table_privilege(:role, pg_class.oid, privilege)
        FROM pg_class CROSS JOIN unnest(CAST(:privileges AS text[])) AS privilege
        WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:tables)
        ORDER BY 1, 2
        """
    )
    names = {"role": role, "privileges": list(TABLE_PRIVILEGES), "tables": list(APP_PRIVILEGES)}
    return {(row[0], row[1]): row[2] for row in connection.execute(statement, names)}
