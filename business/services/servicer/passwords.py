"""Which passwords may be set, and hashes that an import brought along."""

from __future__ import annotations

import hashlib
import hmac
import re

MIN_PASSWORD = 6
MAX_PASSWORD = 1000

_MARK = "niushop$"
_HASH = re.compile(r"[0-9a-f]{32}")
_SALT = "NiuCloud"


def check_password(password: str) -> str:
    """Why a new password is no good, for the user; "" where it is good."""
    if len(password) < MIN_PASSWORD:
        return f"密码长度不能少于{MIN_PASSWORD}位"
    return f"密码长度不能超过{MAX_PASSWORD}位" if len(password) > MAX_PASSWORD else ""


def mark_old(hashed: str) -> str:
    """How a NiuShop's hash of a password is stored; "" for what is none."""
    return f"{_MARK}{hashed}" if _HASH.fullmatch(hashed) else ""


def is_old(stored: str) -> bool:
    """Whether it is such a hash. It is good for one login, which puts a better one in its place,
    and for nothing else."""
    return stored.startswith(_MARK)


def is_old_right(password: str, stored: str) -> bool:
    """Whether a password belongs to such a hash."""
    inner = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(f"{inner}{_SALT}".encode(), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(f"{_MARK}{outer}", stored)
