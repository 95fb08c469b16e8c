"""Signed tokens that open one owner's calls, or one key's console, for at most 12 hours.

The storefront, which knows that this is she, asks for one and hands it to her browser. A token is not kept
anywhere and so cannot be taken back singly: replace the secret to end them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

from recsys.errors import ConfigError
from serving.callers.roles import Caller, Role
from serving.gate import is_id

ISSUER = "sharepicks"
AUDIENCE = "sharepicks.owner"
ALGORITHM = "HS256"
MAX_LIFE = timedelta(hours=12)
MIN_SECRET_BYTES = 32
MAX_SECRETS = 2
CLAIMS = ("iss", "aud", "sub", "iat", "exp")


@dataclass(frozen=True, slots=True, repr=False)
class TokenSecrets:
    """The first signs, each opens: the old one stays in the second place while its tokens run out."""

    secrets: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.secrets) <= MAX_SECRETS or min(map(len, self.secrets)) < MIN_SECRET_BYTES:
            raise ConfigError(
                f"the token secret must be one line of at least {MIN_SECRET_BYTES} bytes, and a second "
                "one at most while tokens of the old secret run out; make one: openssl rand -hex 32"
            )


def read_token_secrets(environment: Mapping[str, str]) -> TokenSecrets | None:
    """From the file that SHAREPICKS_TOKEN_SECRET_FILE names, or the lines of SHAREPICKS_TOKEN_SECRET.

    None when neither is set: no tokens are made or opened then. ConfigError when the file cannot be read,
    when others than its owner may, or when a secret is short.
    """
    name = environment.get("SHAREPICKS_TOKEN_SECRET_FILE", "")
    text = environment.get("SHAREPICKS_TOKEN_SECRET", "")
    if name:
        path = Path(name)
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise ConfigError(f"{path}: others can read the token secret; chmod 600 it")
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: the token secret cannot be read ({type(error).__name__})") from None
    lines = tuple(line.strip().encode() for line in text.splitlines() if line.strip())
    return TokenSecrets(lines) if lines or name else None


def make_owner_token(secrets: TokenSecrets, owner_id: str, life: timedelta, now: datetime) -> str:
    """A token that opens the calls of one owner until `now + life`, at most 12 hours."""
    return signed(secrets, AUDIENCE, owner_id, life, now)


def signed(secrets: TokenSecrets, audience: str, subject: str, life: timedelta, now: datetime) -> str:
    """A token for a subject before one audience, until `now + life`; ValueError above 12 hours."""
    if not timedelta(0) < life <= MAX_LIFE:
        raise ValueError(f"a token lives at most {MAX_LIFE}; got {life}")
    issued = int(now.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "iat": issued,
        "exp": issued + int(life.total_seconds()),
    }
    return jwt.encode(claims, secrets.secrets[0], algorithm=ALGORITHM)


def open_owner_token(secrets: TokenSecrets, token: str, now: datetime) -> Caller | None:
    """Which owner a token stands for; None unless all that `subject_of` asks of it holds."""
    owner_id = subject_of(secrets, AUDIENCE, token, now)
    return None if owner_id is None else Caller(Role.OWNER, owner_id, f"owner:{owner_id}")


def subject_of(secrets: TokenSecrets, audience: str, token: str, now: datetime) -> str | None:
    """Whom a token stands for; None unless its signature, algorithm, audience, issuer and times hold.

    The times are compared with `now`, and a token that claims more than 12 hours is refused however well it
    is signed.
    """
    for secret in secrets.secrets:
        claims = _claims(secret, audience, token)
        if claims is None:
            continue
        issued, expires, subject = claims["iat"], claims["exp"], claims["sub"]
        if type(issued) is not int or type(expires) is not int or not isinstance(subject, str):
            return None
        if not is_id(subject):
            return None
        moment = now.astimezone(UTC).timestamp()
        if not (issued <= moment < expires and expires - issued <= MAX_LIFE.total_seconds()):
            return None
        return subject
    return None


def _claims(secret: bytes, audience: str, token: str) -> dict[str, object] | None:
    try:
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            options={
                "require": list(CLAIMS),
                "verify_exp": False,  # against our own clock, below
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": True,
            },
        )
    except (jwt.PyJWTError, ValueError):
        return None
