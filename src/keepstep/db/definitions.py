"""Whether guards and views in the database are those of this release, and the statements that make them so.

A fingerprint of its definition stands as comment on each trigger and view; functions are compared by their text.
"""

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import Connection, text

from keepstep.core.issue import Issue, pointer
from keepstep.db.erasure import ERASE_RUN
from keepstep.db.guards import FUNCTIONS, TRIGGERS, Trigger, create_function, create_trigger
from keepstep.db.views import VIEWS, View, create_view


def definitions(schema: str) -> Iterator[str]:
    """Every statement, in an order that works. erase_run is not among them: it has another owner."""
    for function in FUNCTIONS:
        yield create_function(function, schema)
    for trigger in TRIGGERS:
        yield from create_trigger(trigger)
        yield f"COMMENT ON TRIGGER {trigger.name} ON {trigger.table} IS '{_fingerprint_of_trigger(trigger)}'"
    for view in VIEWS:
        yield create_view(view)
        yield f"COMMENT ON VIEW {view.name} IS '{_fingerprint_of_view(view)}'"


def _fingerprint_of_trigger(trigger: Trigger) -> str:
    return _fingerprint(" ".join(create_trigger(trigger)))


def _fingerprint_of_view(view: View) -> str:
    return _fingerprint(create_view(view))


def _fingerprint(statement: str) -> str:
    return f"keepstep {sha256(statement.encode()).hexdigest()}"


def definition_faults(connection: Connection) -> tuple[Issue, ...]:
    """Guards and views that are missing, switched off or not as this release defines them."""
    return (*_function_faults(connection), *_trigger_faults(connection), *_view_faults(connection))


def _function_faults(connection: Connection) -> Iterator[Issue]:
    statement = """
        SELECT proname::text, prosrc, proconfig, prosecdef
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    """
    pinned = [f"search_path=pg_catalog, {connection.scalar(text('SELECT quote_ident(current_schema())'))}, pg_temp"]
    found = {name: (body, settings == pinned, definer) for name, body, settings, definer in connection.execute(text(statement))}
    for function in (*FUNCTIONS, ERASE_RUN):
        expected = (function.body, True, "SECURITY DEFINER" in function.options)
        if found.get(function.name) != expected:
            yield _fault("functions", function.name, missing=function.name not in found)


def _trigger_faults(connection: Connection) -> Iterator[Issue]:
    # A deferred guard is a constraint trigger; both kinds fire always, or somebody switched them off.
    statement = """
        SELECT tgrelid::regclass::text, tgname::text, tgenabled::text, obj_description(pg_trigger.oid, 'pg_trigger')
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal
    """
    found = {(table, name): (enabled, comment) for table, name, enabled, comment in connection.execute(text(statement))}
    for trigger in TRIGGERS:
        state = found.get((trigger.table, trigger.name))
        if state != ("A", _fingerprint_of_trigger(trigger)):
            yield _fault(f"tables/{trigger.table}/triggers", trigger.name, missing=state is None)


def _view_faults(connection: Connection) -> Iterator[Issue]:
    statement = """
        SELECT relname::text, obj_description(oid, 'pg_class')
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'v'
    """
    found: dict[str, str | None] = {row[0]: row[1] for row in connection.execute(text(statement))}
    for view in VIEWS:
        if found.get(view.name) != _fingerprint_of_view(view):
            yield _fault("views", view.name, missing=view.name not in found)


def _fault(where: str, name: str, *, missing: bool) -> Issue:
    what = "missing" if missing else "not as this release defines it, or switched off"
    code = "guard-missing" if missing else "guard-differs"
    return Issue(f"/{where}{pointer(name)}", code, f"{name} is {what}; `keepstep db upgrade` puts it right.")
