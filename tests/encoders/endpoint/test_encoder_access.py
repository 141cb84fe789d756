"""How the key is sent, that nobody sees it, and connections that cannot be made."""

import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.endpoint.rate_limit import Backoff
from leaf_ray.errors import ConfigError, EndpointError
from tests.examples.faulty_endpoint import FaultyEndpoint

KEY = "sk-sesame-0123456789"
SOON = Backoff(base_seconds=0.001, cap_seconds=0.01)


@pytest.fixture(autouse=True)
def with_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)


def a_spec(endpoint: FaultyEndpoint, **changes: Any) -> EndpointSpec:
    fields = {"url": endpoint.url, "model": "m", "key_variable": "TEACHER_KEY", "backoff": SOON}
    return EndpointSpec(**{**fields, **changes})


@pytest.mark.parametrize(
    ("header", "scheme", "sent"),
    [
        ("Authorization", "Bearer", f"Bearer {KEY}"),
        ("api-key", "", KEY),
        ("X-Api-Key", "Token", f"Token {KEY}"),
        ("authorization", "Basic", f"Basic {KEY}"),
    ],
)
def test_the_key_is_sent_in_the_header_and_with_the_scheme_that_are_set(
    header: str, scheme: str, sent: str
) -> None:
    key_scheme = sent.removesuffix(KEY)
    with FaultyEndpoint(key=KEY, key_header=header, key_scheme=key_scheme) as endpoint:
        url = f"{endpoint.url}?api-version=2024-02-01"
        a_spec(endpoint, url=url, key_header=header, key_scheme=scheme).load()
        (headers,) = endpoint.headers
        assert [value for value in headers.values() if KEY in value] == [sent]
        assert set(endpoint.paths) == {"/v1/embeddings?api-version=2024-02-01"}


def test_a_key_in_another_header_than_is_wanted_is_told_with_the_setting() -> None:
    with (
        FaultyEndpoint(key=KEY, key_header="api-key", key_scheme="") as endpoint,
        pytest.raises(EndpointError, match=r"answered 401.*embed\.endpoint\.key_header") as raised,
    ):
        a_spec(endpoint).load()
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        (f"api-key: {KEY}", ""),
        ("", ""),
        ("api key", ""),
        ("Host", ""),
        ("content-type", ""),
        ("api-key\nX", ""),
        ("Authorization", f"Bearer {KEY}"),
        ("Authorization", "Bearer\n"),
        ("Authorization", "\u00e9"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_without_showing_it(
    header: str, scheme: str
) -> None:
    with pytest.raises(ConfigError, match=r"embed\.endpoint\.key_(header is|scheme has)") as raised:
        EndpointSpec(url="http://host/v1", model="m", key_header=header, key_scheme=scheme)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("status", [None, 400, 500])
@pytest.mark.parametrize("header", ["Authorization", "api-key"])
def test_a_key_that_the_endpoint_repeats_is_struck_out(
    caplog: pytest.LogCaptureFixture, status: int | None, header: str
) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"error": {{"message": "what is {KEY}?", "code": {status or 200}}}}}'
    with FaultyEndpoint(success=body) as endpoint:
        spec = a_spec(endpoint, key_header=header)
        with pytest.raises(EndpointError, match=r"what is \*\*\*\?") as raised:
            spec.load()
    assert "sesame" not in f"{raised.value!r} {spec!r} {spec.address()!r} {caplog.text}"


def test_the_whole_address_of_embeddings_may_be_given() -> None:
    with FaultyEndpoint() as endpoint:
        whole = a_spec(endpoint, url=f"{endpoint.url}/embeddings/")
        whole.load()
        assert set(endpoint.paths) == {"/v1/embeddings"}
        assert whole.shown_url == a_spec(endpoint).shown_url == endpoint.url


def a_certificate(folder: Path) -> Path:
    """A file of a key and its own certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    file = folder / "localhost.pem"
    file.write_bytes(secret + certificate.public_bytes(pem))
    return file


def test_a_certificate_that_is_not_trusted_is_told_with_the_variable_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    with FaultyEndpoint(tls=tls) as endpoint:
        with pytest.raises(EndpointError, match="certificate is not trusted here: set SSL_CERT_F"):
            a_spec(endpoint).load()
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert a_spec(endpoint).load().dimension == 8


def test_https_where_there_is_none_is_told_at_once() -> None:
    with FaultyEndpoint() as endpoint:
        url = endpoint.url.replace("http:", "https:")
        with pytest.raises(EndpointError, match="does not speak TLS at this port: write http://"):
            a_spec(endpoint, url=url).load()


@pytest.mark.parametrize(
    ("variable", "value"), [("SSL_CERT_FILE", "/no/such/file"), ("HTTP_PROXY", "nonsense://x")]
)
def test_an_environment_that_allows_no_connection_is_told_with_its_variables(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE, SSL_CERT_DIR and the \*_PROXY"):
        EndpointSpec(url="http://host/v1", model="m").load()
