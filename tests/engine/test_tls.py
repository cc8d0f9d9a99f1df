"""TLS on the public port."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from tests.support.stack import CommandFailed, Stack
from tests.support.ws import connect

PROBE = Path(__file__).parent.parent / "services" / "probe"
CERTIFICATES = Path(__file__).parent.parent / "support" / "certificates"


def trusting(name: str) -> ssl.SSLContext:
    """A client's context that accepts one of the self-signed certificates, and no other."""
    return ssl.create_default_context(cafile=str(CERTIFICATES / f"{name}.pem"))


async def test_certificate_changes_at_reload_and_connections_stay(tmp_path: Path) -> None:
    """wss works; reload shows the new certificate to new clients, and a bad one changes nothing."""
    pem, key = tmp_path / "tls.pem", tmp_path / "tls.key"

    def install(name: str) -> None:
        shutil.copy(CERTIFICATES / f"{name}.pem", pem)
        shutil.copy(CERTIFICATES / f"{name}.key", key)

    install("first")
    stack = Stack(
        tmp_path,
        settings={
            "gateway.default_service": "probe",
            "business.only": ["probe"],
            "tls.certificate": str(pem),
            "tls.key": str(key),
        },
        services=[PROBE],
        environment={"PROBE_EVENTS": str(tmp_path / "events")},
    )
    async with stack:
        url = stack.ws_url.replace("ws:", "wss:")
        async with connect(url, ssl=trusting("first")) as old:
            await old.recv_json()
            install("second")
            await stack.gateway_command("reload")
            async with connect(url, ssl=trusting("second")) as new:
                assert (await new.recv_json())["type"] == "init"
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(url, ssl=trusting("first")).__aenter__()
            pem.write_text("no certificate")
            with pytest.raises(CommandFailed, match="certificate"):
                await stack.gateway_command("reload")
            async with connect(url, ssl=trusting("second")) as new:
                await new.recv_json()
            await old.send("x" * 60000)
            assert await old.recv() == "x" * 60000
