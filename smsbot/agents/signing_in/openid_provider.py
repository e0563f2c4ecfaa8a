"""The client of an OpenID Connect provider: the authorization code flow (Core 1.0, 3.1), with discovery.

    browser ──authorization_url──> provider ──code──> `identify`: token, its signature and claims, userinfo, e-mail

joserfc checks signatures and claims. The userinfo may be JSON or a signed JWT (Core 1.0, 5.3.2), which ProConnect uses.
Every attempt has a state, a nonce and PKCE (RFC 7636).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from smsbot.agents.signing_in.sign_in_openid import Failure, Handshake, Identity, OpenIdFailure
from smsbot.http_headers import media_type
from smsbot.signing import unpadded_base64

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Only algorithms with a key pair. With a shared secret, everybody who knows it, such as smsbot itself, could sign."""

_CLOCKS_DIFFER_BY = 60  # seconds
_KEPT_FOR = 3600.0  # seconds for which the provider's metadata is kept
_MOST_BYTES = 256 * 1024
_TIMEOUT = httpx.Timeout(10, connect=5)


@dataclass(frozen=True, slots=True)
class Registration:
    """How the service is registered with its provider. `name` is the provider's name for agents, if there is one.

    `emails_are_verified` says that the provider has verified every address, although it sends no `email_verified`
    (ProConnect).
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "openid email"
    name: str | None = None
    emails_are_verified: bool = False


@dataclass(slots=True)
class _Discovered:
    """The provider's metadata, and the `keys` that it signs with."""

    metadata: Mapping[str, Any]
    keys: KeySet
    until: float

    @property
    def issuer(self) -> str:
        return str(self.metadata["issuer"])


class OpenIdProvider:
    """The provider. Requests to it are rare, so each sign-in opens its own connection.

    `redirect_uri` is the address to which the provider sends the browser back.
    """

    def __init__(self, registration: Registration, redirect_uri: str) -> None:
        self._registration = registration
        self._redirect_uri = redirect_uri
        self._discovered: _Discovered | None = None

    @property
    def name(self) -> str | None:
        return self._registration.name

    async def authorization_url(self, handshake: Handshake) -> str:
        """The address where the browser goes to sign in. Raises OpenIdFailure."""
        async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
            discovered = await self._discover(http)
        query = {
            "response_type": "code",
            "client_id": self._registration.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._registration.scopes,
            "state": handshake.state,
            "nonce": handshake.nonce,
            "code_challenge": handshake.code_challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(_endpoint(discovered, "authorization_endpoint"), query)

    async def identify(self, code: str, handshake: Handshake, now: datetime) -> Identity:
        """Who has signed in there, found with the code that the browser brought back. Raises OpenIdFailure."""
        async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
            discovered = await self._discover(http)
            tokens = await self._exchange(http, discovered, code, handshake)
            access_token, id_token = tokens.get("access_token"), tokens.get("id_token")
            if not isinstance(access_token, str) or not isinstance(id_token, str):
                raise OpenIdFailure(Failure.UNAVAILABLE, "The token endpoint gave no access token, or no ID token.")
            signed = await self._verified(http, discovered, id_token)
            self._check_id_token(signed, discovered, handshake, access_token, now)
            told = await self._userinfo(http, discovered, access_token, now)
        subject = str(signed.claims["sub"])
        if told and told.get("sub") != subject:
            raise OpenIdFailure(Failure.UNAVAILABLE, "The userinfo is about somebody else than the ID token.")
        return Identity(discovered.issuer, subject, self._verified_email(told, signed.claims), id_token)

    async def end_session_url(self, id_token: str, return_to: str) -> str | None:
        """The address where the browser signs out at the provider too (RP-Initiated Logout 1.0).

        None where the provider has none.
        """
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
                discovered = await self._discover(http)
        except OpenIdFailure:
            return None
        endpoint = discovered.metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        # ProConnect demands a state. It is not checked, because nothing is done when the browser comes back.
        query = {"id_token_hint": id_token, "post_logout_redirect_uri": return_to, "state": secrets.token_hex(32)}
        return _with_query(endpoint, query)

    # The conversation with the provider -------------------------------------------------------------------------------

    async def _discover(self, http: httpx.AsyncClient, *, again: bool = False) -> _Discovered:
        known = self._discovered
        if known is not None and not again and time.monotonic() < known.until:
            return known
        issuer = self._registration.issuer.rstrip("/")
        metadata = _json(await _request(http, "GET", f"{issuer}/.well-known/openid-configuration"))
        if str(metadata.get("issuer")).rstrip("/") != issuer:  # Discovery 1.0, 4.3
            raise OpenIdFailure(Failure.UNAVAILABLE, "SMSBOT_OIDC_ISSUER is not the issuer that discovery names.")
        discovered = _Discovered(metadata, KeySet([]), time.monotonic() + _KEPT_FOR)
        jwks = _json(await _request(http, "GET", _endpoint(discovered, "jwks_uri")))
        try:
            discovered.keys = await asyncio.to_thread(KeySet.import_key_set, jwks)  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise OpenIdFailure(Failure.UNAVAILABLE, "The provider's keys cannot be read.") from error
        self._discovered = discovered
        return discovered

    async def _exchange(
        self, http: httpx.AsyncClient, discovered: _Discovered, code: str, handshake: Handshake
    ) -> Mapping[str, Any]:
        registration = self._registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": handshake.code_verifier,
        }
        methods = discovered.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if "client_secret_post" in methods:
            form |= {"client_id": registration.client_id, "client_secret": registration.client_secret}
        else:
            # RFC 6749, 2.3.1: both are form-encoded before they become user and password.
            auth = httpx.BasicAuth(quote_plus(registration.client_id), quote_plus(registration.client_secret))
        endpoint = _endpoint(discovered, "token_endpoint")
        return _json(await _request(http, "POST", endpoint, data=form, auth=auth))

    async def _userinfo(
        self, http: httpx.AsyncClient, discovered: _Discovered, access_token: str, now: datetime
    ) -> Mapping[str, Any]:
        endpoint = discovered.metadata.get("userinfo_endpoint")
        if not isinstance(endpoint, str):
            return {}
        response = await _request(http, "GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if media_type(response.headers.get("content-type")) != "application/jwt":
            return _json(response)
        signed = await self._verified(http, discovered, response.text.strip())
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_CLOCKS_DIFFER_BY,
            iss={"value": discovered.issuer},
            aud={"value": self._registration.client_id},
        )
        try:
            registry.validate(signed.claims)
        except JoseError as error:
            raise OpenIdFailure(Failure.UNAVAILABLE, f"The userinfo is not for us ({error.error}).") from error
        return signed.claims

    # Checking the answers ---------------------------------------------------------------------------------------------

    async def _verified(self, http: httpx.AsyncClient, discovered: _Discovered, token: str) -> jwt.Token:
        """The content of a JWT with the provider's signature.

        For an unknown key, the provider's keys are fetched again.
        """
        try:
            try:
                return jwt.decode(token, discovered.keys, algorithms=list(_ALGORITHMS))
            except InvalidKeyIdError:
                newer = await self._discover(http, again=True)
                return jwt.decode(token, newer.keys, algorithms=list(_ALGORITHMS))
        except (JoseError, ValueError, TypeError) as error:
            reason = type(error).__name__
            raise OpenIdFailure(Failure.UNAVAILABLE, f"A token's signature cannot be verified ({reason}).") from error

    def _check_id_token(
        self, signed: jwt.Token, discovered: _Discovered, handshake: Handshake, access_token: str, now: datetime
    ) -> None:
        """Check the ID token by Core 1.0, 3.1.3.7. Raises OpenIdFailure."""
        client_id = self._registration.client_id
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_CLOCKS_DIFFER_BY,
            iss={"essential": True, "value": discovered.issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": handshake.nonce},
            azp={"essential": signed.claims.get("aud") not in (client_id, [client_id]), "value": client_id},
            at_hash={"value": _half_hash(access_token, str(signed.header["alg"]))},
        )
        try:
            registry.validate(signed.claims)
        except JoseError as error:
            raise OpenIdFailure(Failure.UNAVAILABLE, f"The ID token is not good: {error}.") from error

    def _verified_email(self, *documents: Mapping[str, Any]) -> str | None:
        """The e-mail address that the provider has verified; None where there is none.

        Address and `email_verified` must be in the same document; the first document with both counts. If no document
        has both, the first address counts, provided that the provider verifies all addresses.
        """
        with_address = [document for document in documents if isinstance(document.get("email"), str)]
        told = next((document for document in with_address if "email_verified" in document), None)
        if told is not None:
            is_verified = told["email_verified"] is True or told["email_verified"] == "true"  # some send a text
            return str(told["email"]) if is_verified else None
        if with_address and self._registration.emails_are_verified:
            return str(with_address[0]["email"])
        return None


def _half_hash(access_token: str, algorithm: str) -> str:
    """The expected `at_hash` (Core 1.0, 3.1.3.6) for an ID token that is signed with one of `_ALGORITHMS`."""
    name = f"sha{algorithm[2:]}" if algorithm[2:].isdecimal() else "sha512"  # Ed25519 hashes with SHA-512
    digest = hashlib.new(name, access_token.encode()).digest()
    return unpadded_base64(digest[: len(digest) // 2])


async def _request(http: httpx.AsyncClient, method: str, url: str, **options: Any) -> httpx.Response:
    try:
        response = await http.request(method, url, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OpenIdFailure(Failure.UNAVAILABLE, f"The provider cannot be reached ({type(error).__name__}).") from error
    if response.status_code != httpx.codes.OK:
        raise OpenIdFailure(Failure.UNAVAILABLE, f"The provider answered {response.status_code}.")
    if len(response.content) > _MOST_BYTES:
        raise OpenIdFailure(Failure.UNAVAILABLE, "The provider's answer is too long.")
    return response


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except (ValueError, RecursionError) as error:
        raise OpenIdFailure(Failure.UNAVAILABLE, "The provider's answer is no JSON.") from error
    if not isinstance(content, dict):
        raise OpenIdFailure(Failure.UNAVAILABLE, "The provider's answer is no JSON object.")
    return content


def _endpoint(discovered: _Discovered, name: str) -> str:
    endpoint = discovered.metadata.get(name)
    if not isinstance(endpoint, str):
        raise OpenIdFailure(Failure.UNAVAILABLE, f"The provider names no {name}.")
    return endpoint


def _with_query(endpoint: str, query: Mapping[str, str]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
