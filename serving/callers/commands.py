"""`sharepicks keys`: callers and their roles, and the record of what was done to them."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.errors import UsageError

if TYPE_CHECKING:
    from serving.callers.api_keys import KeyRow, NewKey
    from serving.callers.audit import Head, Transactions
    from serving.callers.roles import Role

app = typer.Typer(help="Make, list, rotate and revoke the keys of callers, and check the record of it.")

Store = Annotated[
    str | None,
    typer.Option(envvar="SHAREPICKS_STORE", help="The online store: sqlite:///PATH or postgresql://…"),
]
KeyId = Annotated[str, typer.Argument(metavar="PREFIX", help="The part between sp_ and the secret.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the record; this login by default.")]
Days = Annotated[int, typer.Option("--days", min=1, max=3660, help="Days until it ends.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    epilog="Example: sharepicks keys create storefront --label 'the shop app' --store sqlite:///s.db"
)
def create(
    role: Annotated[str, typer.Argument(help="storefront, owner, scientist, supplier or operator.")],
    scope: Annotated[
        str | None, typer.Option(help="The owner_id or supplier_id, for the roles owner and supplier.")
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for, at most 100 characters.")] = "",
    days: Days = 365,
    store: Store = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Make a key and show it, this once: only a hash of it is kept."""
    from serving.callers.api_keys import create_key

    made = create_key(
        _transactions(store), _role(role), scope, label=label, life=timedelta(days=days), actor=actor(by),
        now=_now(),
    )  # fmt: skip
    _show(made, json)


@app.command("list", epilog="Example: sharepicks keys list --store sqlite:///s.db")
def list_(store: Store = None, json: AsJson = False) -> None:
    """List every key there ever was, by its prefix; nobody can show a secret again."""
    from serving.callers.api_keys import list_keys

    with _transactions(store)() as connection:
        rows = list_keys(connection)
    if json:
        _print_json([_as_dict(row) for row in rows])
        return
    for row in rows:
        ends = f"until {row.expires_time:%Y-%m-%d %H:%M}Z"
        about = " ".join(filter(None, (row.role, row.scope_id, row.label)))
        typer.echo(f"{row.key_id}  {row.state(_now()):8}  {ends}  {about}")
    if not rows:
        typer.echo("no key was ever made: the service listens on this machine only")


@app.command(epilog="Example: sharepicks keys revoke 0f3a9c24b17e --store sqlite:///s.db")
def revoke(key_id: KeyId, store: Store = None, by: By = None, json: AsJson = False) -> None:
    """End a key: every worker refuses it within a second."""
    from serving.callers.api_keys import revoke_key

    revoke_key(_transactions(store), key_id, actor=actor(by), now=_now())
    if json:
        _print_json({"key_id": key_id, "state": "revoked"})
    else:
        typer.echo(f"{key_id} opens nothing any more")


@app.command(epilog="Example: sharepicks keys rotate 0f3a9c24b17e --overlap-hours 24 --store sqlite:///s.db")
def rotate(
    key_id: KeyId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=2160, help="How long the old key still works, in hours.")
    ] = 24,
    days: Days = 365,
    store: Store = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Make a key of the same role and scope; the old one works on for a while."""
    from serving.callers.api_keys import rotate_key

    made = rotate_key(
        _transactions(store), key_id, overlap=timedelta(hours=overlap_hours), life=timedelta(days=days),
        actor=actor(by), now=_now(),
    )  # fmt: skip
    _show(made, json)


@app.command(epilog="Example: sharepicks keys audit --store sqlite:///s.db")
def audit(
    noted: Annotated[
        str | None, typer.Option(metavar="N:HASH", help="The end noted elsewhere before: still in there?")
    ] = None,
    store: Store = None,
    json: AsJson = False,
) -> None:
    """Walk the record of administrative acts; exit code 1 when a row was edited, dropped or put in."""
    from serving.callers.audit import verify_chain

    with _transactions(store)() as connection:
        head = verify_chain(connection, None if noted is None else _head(noted))
    if json:
        _print_json({"ok": True, "n_acts": head.seq, "head": str(head)})
    else:
        typer.echo(f"{head.seq} acts, none edited, dropped or put in; note this end elsewhere: {head}")


def _transactions(store: str | None) -> Transactions:
    from serving.callers.database import transactions_of

    if not store:
        raise UsageError(
            "name the online store: --store sqlite:///PATH or postgresql://…, or SHAREPICKS_STORE"
        )
    return transactions_of(store)


def _role(name: str) -> Role:
    from serving.callers.roles import Role

    try:
        return Role(name)
    except ValueError:
        raise UsageError(f"a role is one of {', '.join(Role)}; got {name[:40]!r}") from None


def _head(text: str) -> Head:
    from serving.callers.audit import Head

    seq, colon, row_hash = text.partition(":")
    if not colon or not seq.isascii() or not seq.isdecimal() or len(seq) > 15:
        raise UsageError("--noted is what `sharepicks keys audit` printed: a number, a colon, a hash")
    return Head(int(seq), row_hash)


def actor(by: str | None) -> str:
    """Who acts: the name given, else this login; UsageError for a name that is none."""
    if by is not None:
        if not 1 <= len(by) <= 100 or not by.isprintable():
            raise UsageError("--by is 1 to 100 printable characters")
        return by
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _now() -> datetime:
    return datetime.now(UTC)


def _show(made: NewKey, json: bool) -> None:
    if json:
        _print_json({
            "key": made.key, "key_id": made.key_id, "role": made.role, "scope_id": made.scope_id,
            "expires_time": made.expires_time,
        })  # fmt: skip
        return
    typer.echo(made.key)
    typer.echo("keep it now: it is shown this once, and only a hash of it is kept", err=True)


def _as_dict(row: KeyRow) -> dict[str, object]:
    return {
        "key_id": row.key_id, "state": row.state(_now()), "role": row.role, "scope_id": row.scope_id,
        "label": row.label, "created_time": row.created_time, "expires_time": row.expires_time,
        "revoked_time": row.revoked_time, "replaced_by": row.replaced_by,
    }  # fmt: skip


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
