"""Which passwords may be set."""

from __future__ import annotations

MIN_PASSWORD = 6
MAX_PASSWORD = 1000


def check_password(password: str) -> str:
    """Why a new password is no good, for the user; "" where it is good."""
    if len(password) < MIN_PASSWORD:
        return f"密码长度不能少于{MIN_PASSWORD}位"
    return f"密码长度不能超过{MAX_PASSWORD}位" if len(password) > MAX_PASSWORD else ""
