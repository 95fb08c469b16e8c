from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from recsys.errors import ConfigError
from serving.callers import owner_tokens
from serving.callers.owner_tokens import (
    MAX_LIFE,
    TokenSecrets,
    make_owner_token,
    open_owner_token,
    read_token_secrets,
)
from serving.callers.roles import Caller, Role

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
SECOND = timedelta(seconds=1)
SECRET = b"s" * 32
SECRETS = TokenSecrets((SECRET,))
GOOD = {
    "iss": "sharepicks", "aud": "sharepicks.owner", "sub": "owner-1", "iat": ISSUED, "exp": ISSUED + 60,
}  # fmt: skip


def signed(**changes: object) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def test_a_token_opens_one_owner_for_as_long_as_it_says() -> None:
    token = make_owner_token(SECRETS, "owner-1", MAX_LIFE, NOW)
    her = Caller(Role.OWNER, "owner-1", "owner:owner-1")
    assert open_owner_token(SECRETS, token, NOW) == her
    assert open_owner_token(SECRETS, token, NOW + MAX_LIFE - SECOND) == her
    assert open_owner_token(SECRETS, token, NOW + MAX_LIFE) is None
    assert open_owner_token(SECRETS, token, NOW - SECOND) is None


def test_no_token_is_made_for_more_than_twelve_hours() -> None:
    for life in (MAX_LIFE + SECOND, timedelta(0), -SECOND):
        with pytest.raises(ValueError, match="a token lives at most"):
            make_owner_token(SECRETS, "owner-1", life, NOW)


BAD_CLAIMS: list[dict[str, object]] = [
    {"exp": ISSUED + 12 * 3600 + 1}, {"iat": ISSUED + 1}, {"exp": ISSUED}, {"exp": None}, {"iat": None},
    {"sub": None}, {"aud": None}, {"iss": None}, {"aud": "elsewhere"}, {"iss": "elsewhere"},
    {"aud": ["sharepicks.owner"]}, {"sub": ""}, {"sub": "x" * 129}, {"sub": "a\u0000"},
    {"exp": float(ISSUED + 60)}, {"exp": True}, {"iat": str(ISSUED)}, {"exp": str(ISSUED + 60)},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=str)
def test_a_well_signed_token_with_a_wrong_claim_opens_nothing(changes: dict[str, object]) -> None:
    assert open_owner_token(SECRETS, signed(), NOW) is not None
    assert open_owner_token(SECRETS, signed(**changes), NOW) is None


def unsigned(header: dict[str, object]) -> str:
    parts = [json.dumps(part).encode() for part in (header, GOOD)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_the_algorithm_is_pinned() -> None:
    tokens = [
        unsigned({"alg": "none", "typ": "JWT"}),
        unsigned({"alg": "None"}),
        unsigned({"alg": ["HS256"]}),
        unsigned({}),
        jwt.encode(GOOD, SECRET, algorithm="HS512"),
        jwt.encode(GOOD, SECRET, algorithm="HS384"),
        jwt.encode(GOOD, b"another secret of thirty-two byte", algorithm="HS256"),
        signed()[:-2],
        "..",
        "",
    ]
    assert [open_owner_token(SECRETS, token, NOW) for token in tokens] == [None] * len(tokens)


def test_red_control_an_unpinned_algorithm_lets_another_one_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_tokens, "ALGORITHM", "HS384")
    token = jwt.encode(GOOD, b"s" * 48, algorithm="HS384")
    assert open_owner_token(TokenSecrets((b"s" * 48,)), token, NOW) is not None


def test_the_old_secret_opens_and_the_new_one_signs() -> None:
    both = TokenSecrets((b"n" * 32, SECRET))
    assert open_owner_token(both, make_owner_token(SECRETS, "o", MAX_LIFE, NOW), NOW)
    new = make_owner_token(both, "o", MAX_LIFE, NOW)
    assert open_owner_token(SECRETS, new, NOW) is None


def test_the_secret_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"a" * 32 + b"\n" + b"b" * 40 + b"\n")
    file.chmod(0o600)
    environment = {"SHAREPICKS_TOKEN_SECRET_FILE": str(file)}
    assert read_token_secrets(environment) == TokenSecrets((b"a" * 32, b"b" * 40))
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read the token secret"):
        read_token_secrets(environment)


def test_a_missing_short_or_third_secret_is_refused_without_being_shown(tmp_path: Path) -> None:
    assert read_token_secrets({}) is None
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token_secrets({"SHAREPICKS_TOKEN_SECRET_FILE": str(tmp_path / "nowhere")})
    for text in ("canary7f3", "\n".join(c * 32 for c in "abc")):
        with pytest.raises(ConfigError, match="at least 32 bytes") as refusal:
            read_token_secrets({"SHAREPICKS_TOKEN_SECRET": text})
        assert text[:9] not in str(refusal.value)


def test_secrets_are_not_part_of_what_is_printed() -> None:
    assert "ssss" not in repr(SECRETS)
