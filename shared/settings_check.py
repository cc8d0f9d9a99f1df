"""Rules that concern several settings, or the machine they are used on."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

from .setting_names import refuse
from .settings import Settings


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``. Names other than localhost are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check(settings: Settings, role: str) -> None:
    """See that the settings can be started with.

    Args:
        settings: as ``settings.load`` returned them.
        role: ``gateway`` or ``business``: which start script asks.

    Raises:
        SettingsError: the first rule that is broken.
    """
    if not settings.secret:
        raise refuse("secret", None, "is required")
    if settings.demo:
        for name, host in (
            ("gateway.host", settings.gateway.host),
            ("business.host", settings.business.host),
        ):
            if not is_loopback(host):
                raise refuse(name, host, "is public, which demo = true does not allow")
    if settings.inner.heartbeat_timeout <= settings.inner.heartbeat_interval:
        raise refuse(
            "inner.heartbeat_timeout",
            settings.inner.heartbeat_timeout,
            "must be above inner.heartbeat_interval",
        )
    _check_registers(settings)
    if role == "gateway":
        _check_gateway(settings)
    else:
        for directory in settings.business.services:
            if not Path(directory).is_dir():
                raise refuse("business.services", directory, "is no directory")


def _check_registers(settings: Settings) -> None:
    addresses = settings.register.addresses
    if not addresses and not settings.register.listen:
        raise refuse("register.addresses", addresses, "names no register, and none is run here")
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not (host and port.isdigit() and int(port) < 65536):
            raise refuse("register.addresses", address, "should be host:port")


def _check_gateway(settings: Settings) -> None:
    gateway = settings.gateway
    remote = [a for a in settings.register.addresses if not is_loopback(a.rpartition(":")[0])]
    if remote and is_loopback(gateway.lan_ip):
        raise refuse(
            "gateway.lan_ip", gateway.lan_ip, f"is of no use to others at register {remote[0]}"
        )
    if gateway.lan_port + gateway.processes - 1 > 65535:
        raise refuse("gateway.lan_port", gateway.lan_port, "leaves no port for each process")
    _check_tls(settings.tls.certificate, settings.tls.key)


def _check_tls(certificate: str, key: str) -> None:
    if not certificate and not key:
        return
    if not key:
        raise refuse("tls.key", key, "is required with tls.certificate")
    if not certificate:
        raise refuse("tls.certificate", certificate, "is required with tls.key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        reason = f"cannot be used with tls.key {key!r}: {exc.strerror or exc}"
        raise refuse("tls.certificate", certificate, reason) from None
