"""TLS contexts of sources: version 1.2 or later, both sides show certificates.

Source: RFC 8446, RFC 5246; IHE ATNA (ITI-19) asks for mutual authentication of nodes.
"""

from __future__ import annotations

import hashlib
import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from oracle.sources.model import ClientTls, ServerTls
from salus.core.errors import SetupError


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """Context of a listener; a client without a certificate of the CA doesn't get past the handshake.

    Raises:
        SetupError: a file is no PEM, or the key is another certificate's.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise SetupError("certificate and key must be PEM files of one pair, the key without passphrase") from error
    try:
        context.load_verify_locations(tls.client_ca)
    except OSError as error:
        raise SetupError("client_ca must be a PEM file of CA certificates") from error
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Context of a connection the oracle makes; the receiver's certificate must be of the CA and name the host.

    Raises:
        SetupError: a file is no PEM, or the key is another certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(tls.ca)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise SetupError("ca, certificate and key must be PEM files, the key without passphrase") from error
    return context


def shown_by(certificate: bytes) -> tuple[bytes, str]:
    """SHA-256 fingerprint and subject common name ("" for none, or several) of a certificate in DER."""
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return hashlib.sha256(certificate).digest(), str(names[0].value) if len(names) == 1 else ""


def _no_passphrase() -> str:
    """Answer instead of asking at a terminal; it opens no key."""
    return ""
