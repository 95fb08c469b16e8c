"""The settings of one service, read once from the command's arguments and the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from recsys.errors import ConfigError, UsageError
from serving.share_results import Credit

PREFIX = "SHAREPICKS_"
DEFAULT_SNAPSHOTS = Path("snapshots")
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
MAX_WORKERS = 64
MAX_CACHE_MB = 4096
MAX_CREDIT_DAYS = 365
MAX_CREDIT_HOPS = 5
_PUBLIC = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_PLAIN = re.compile(r"[!-z|~]*", re.ASCII)  # printable ASCII without space and braces


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service can be told.

    `snapshots`: one snapshot folder or a registry folder. `poll_every_s`: how often the pointer is read.
    `body_within_s`: how long a request body may take to arrive. `n_workers`: server processes.
    `reply_cache_mb`: what each process may keep of the replies it gave; 0 keeps none.
    `store`: the address of the online store, None without one. `store_within_s`: how long the store may take.
    `credit_days`, `credit_hops`: which orders a share is credited with, see serving/share_results.py.
    `shares_a_day`: how many shares a day an owner's circle takes gladly.
    `time_zone`: of the days and hours on the owner's page. `public_url`: where share links are reached from
    outside, None: as the owner's browser reaches her page. `font`: a file with Chinese, for posters.
    `hosts`: what the Host header of a request may name beside this machine while there are no keys.
    `storefront`: where a share link leads, with {product_id} and {share_id} in it; None without one.
    """

    snapshots: Path = DEFAULT_SNAPSHOTS
    poll_every_s: float = 1.0
    body_within_s: float = 10.0
    n_workers: int = 1
    reply_cache_mb: int = 64
    store: str | None = field(default=None, repr=False)  # may hold a password
    store_within_s: float = 5.0
    storefront: str | None = None
    hosts: tuple[str, ...] = ()
    shares_a_day: int = 5
    credit_days: int = 30
    credit_hops: int = 1
    time_zone: str = "UTC"
    public_url: str | None = None
    font: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.poll_every_s <= 3600:
            raise ConfigError(f"poll_every_s must be above 0 and at most 3600; got {self.poll_every_s}")
        if not 0 < self.body_within_s <= 300:
            raise ConfigError(f"body_within_s must be above 0 and at most 300; got {self.body_within_s}")
        if not 1 <= self.n_workers <= MAX_WORKERS:
            raise ConfigError(f"workers must be 1 to {MAX_WORKERS}; got {self.n_workers}")
        if not 0 <= self.reply_cache_mb <= MAX_CACHE_MB:
            raise ConfigError(f"reply_cache_mb must be 0 to {MAX_CACHE_MB}; got {self.reply_cache_mb}")
        if not 0 < self.store_within_s <= 60:
            raise ConfigError(f"store_within_s must be above 0 and at most 60; got {self.store_within_s}")
        if not 1 <= self.shares_a_day <= 100:
            raise ConfigError(f"shares_a_day must be 1 to 100; got {self.shares_a_day}")
        if not 1 <= self.credit_days <= MAX_CREDIT_DAYS:
            raise ConfigError(f"credit_days must be 1 to {MAX_CREDIT_DAYS}; got {self.credit_days}")
        if not 0 <= self.credit_hops <= MAX_CREDIT_HOPS:
            raise ConfigError(f"credit_hops must be 0 to {MAX_CREDIT_HOPS}; got {self.credit_hops}")
        if self.time_zone not in available_timezones():
            raise ConfigError(f"time_zone must be one such as Asia/Taipei; got {self.time_zone[:40]!r}")
        if self.public_url is not None and _PUBLIC.fullmatch(self.public_url) is None:
            raise ConfigError(
                "SHAREPICKS_PUBLIC_URL must be an address such as https://picks.example, without a path; got "
                f"{self.public_url[:100]!r}"
            )
        if self.font is not None and not self.font.is_file():
            raise ConfigError(f"SHAREPICKS_FONT must name a font file; {self.font} is none")
        for host in self.hosts:
            if host != "*" and _NAME.fullmatch(host) is None:
                raise ConfigError(
                    "SHAREPICKS_HOSTS must be names without a port, such as picks.example,10.0.0.7, or *; "
                    f"got {host[:100]!r}"
                )
        if self.storefront is not None and not leads_to_one_host(self.storefront):
            raise ConfigError(
                "SHAREPICKS_STOREFRONT must be an address such as "
                "https://shop.example/p/{product_id}?share={share_id}, each of the two once and none in the "
                f"host's name; got {self.storefront[:100]!r}"
            )

    @property
    def credit(self) -> Credit:
        """Which orders a share is credited with."""
        return Credit(self.credit_days, self.credit_hops)

    @property
    def open_hosts(self) -> tuple[str, ...]:
        """`hosts`, and the one of `public_url`, under which her browser reaches the pages."""
        public = () if self.public_url is None else (urlsplit(self.public_url).hostname or "",)
        return (*self.hosts, *public)

    def to_environment(self) -> dict[str, str]:
        """The same settings as variables, for the worker processes."""
        return {
            PREFIX + "SNAPSHOTS": str(self.snapshots),
            PREFIX + "POLL_EVERY_S": repr(self.poll_every_s),
            PREFIX + "BODY_WITHIN_S": repr(self.body_within_s),
            PREFIX + "WORKERS": str(self.n_workers),
            PREFIX + "REPLY_CACHE_MB": str(self.reply_cache_mb),
            PREFIX + "STORE_WITHIN_S": repr(self.store_within_s),
            PREFIX + "SHARES_A_DAY": str(self.shares_a_day),
            PREFIX + "CREDIT_DAYS": str(self.credit_days),
            PREFIX + "CREDIT_HOPS": str(self.credit_hops),
            **({} if self.store is None else {PREFIX + "STORE": self.store}),
            **({PREFIX + "HOSTS": ",".join(self.hosts)} if self.hosts else {}),
            PREFIX + "TIME_ZONE": self.time_zone,
            **({} if self.public_url is None else {PREFIX + "PUBLIC_URL": self.public_url}),
            **({} if self.font is None else {PREFIX + "FONT": str(self.font)}),
            **({} if self.storefront is None else {PREFIX + "STOREFRONT": self.storefront}),
        }


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from SHAREPICKS_* variables over the defaults; ConfigError when a value is no number."""
    return Settings(
        snapshots=Path(environment.get(PREFIX + "SNAPSHOTS") or DEFAULT_SNAPSHOTS),
        poll_every_s=_number(environment, "POLL_EVERY_S", 1.0),
        body_within_s=_number(environment, "BODY_WITHIN_S", 10.0),
        n_workers=int(_number(environment, "WORKERS", 1)),
        reply_cache_mb=int(_number(environment, "REPLY_CACHE_MB", 64)),
        store=environment.get(PREFIX + "STORE") or None,
        store_within_s=_number(environment, "STORE_WITHIN_S", 5.0),
        storefront=environment.get(PREFIX + "STOREFRONT") or None,
        hosts=tuple(
            host.strip() for host in environment.get(PREFIX + "HOSTS", "").split(",") if host.strip()
        ),
        shares_a_day=int(_number(environment, "SHARES_A_DAY", 5)),
        credit_days=int(_number(environment, "CREDIT_DAYS", 30)),
        credit_hops=int(_number(environment, "CREDIT_HOPS", 1)),
        time_zone=environment.get(PREFIX + "TIME_ZONE") or "UTC",
        public_url=environment.get(PREFIX + "PUBLIC_URL") or None,
        font=Path(name) if (name := environment.get(PREFIX + "FONT")) else None,
    )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(PREFIX + name, "")
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{PREFIX}{name} must be a number; got {text[:40]!r}") from None


def leads_to_one_host(address: str) -> bool:
    """Whether it is http(s) on one fixed host, and holds {product_id} and {share_id} once each after it."""
    host, _, rest = address.partition("://")[2].partition("/")
    known = rest.replace("{product_id}", "", 1).replace("{share_id}", "", 1)
    return (
        address.startswith(("https://", "http://"))
        and _HOST.fullmatch(host) is not None
        and len(rest) - len(known) == len("{product_id}{share_id}")
        and _PLAIN.fullmatch(known) is not None
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosts_listening_on(host: str, named: str) -> str:
    """SHAREPICKS_HOSTS of a service on this address: beyond this machine any, else those named and itself."""
    if not is_loopback(host):
        return "*"
    return f"{named},[{host}]" if ":" in host else f"{named},{host}"


def refuse_open_door(host: str, *, insecure_no_keys: bool) -> None:
    """UsageError when the service would listen beyond this machine while it has no keys to ask for."""
    if is_loopback(host) or insecure_no_keys:
        return
    raise UsageError(
        f"host {host} can be reached from other machines and no key is configured, so anybody could read "
        f"every owner's picks; keep {DEFAULT_HOST} behind your own gateway, or add --insecure-no-keys"
    )
