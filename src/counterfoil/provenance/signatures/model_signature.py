"""Signatures over models as OpenSSF's model signing has them (version 1.0): others' tools check ours, and ours theirs.

    sigstore bundle (JSON)
    └ DSSE envelope: signature over "DSSEv1 28 application/vnd.in-toto+json LENGTH PAYLOAD"
      └ in-toto Statement: one subject, whose SHA-256 is over all digests one after the other
        └ resources: name and digest of each file, ascending by name

The subject binds digests only, so names are taken from the signed list, never from it.
Source: github.com/ossf/model-signing-spec.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from counterfoil.core.steps import Report, Step, failed, not_checked, passed
from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.reading import content_hashes
from counterfoil.provenance.fingerprints.walk import Found, walk

__all__ = ["GIT_PATHS", "MAX_SIGNATURE_BYTES", "check_model_signature", "public_pem", "read_public_key", "sign_model"]

MAX_SIGNATURE_BYTES: Final = 2**28
GIT_PATHS: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""Left out of a signature, as model_signing leaves them out unless it is told otherwise."""

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_TITLES: Final = {
    "format": "Can the signature be read?",
    "issuer": "Who signed it?",
    "manifest": "Do the digests belong together?",
    "files": "Are the files those that were signed?",
}
_HASHES: Final[dict[str, HashAlgorithm]] = {"secp256r1": SHA256(), "secp384r1": SHA384(), "secp521r1": SHA512()}
"""What is hashed with what, by the name of the key's curve."""

_SHOWN: Final = 5

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a signature file holds.

    Attributes:
        payload: The signed bytes.
        signature: Over them, DER.
        hint: SHA-256 (hex) of the signer's public key in PEM; None where it was signed in another way.
        name: The model's name.
        root: SHA-256 (hex) over the digests.
        method: `files`, or another way to cut the model into pieces.
        ignored: Paths that were left out.
        follows_links: Whether links count as what they lead to.
        resources: (name, algorithm, digest in hex) of each file.
    """

    payload: bytes
    signature: bytes
    hint: str | None
    name: str
    root: str
    method: str
    ignored: tuple[str, ...]
    follows_links: bool
    resources: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Reads a signature file (ValueError and its like when it is none)."""
        bundle = json.loads(data)
        envelope, material = bundle["dsseEnvelope"], bundle["verificationMaterial"]
        if envelope["payloadType"] != _PAYLOAD or len(envelope["signatures"]) != 1:
            raise ValueError("no signed statement")
        payload = b64decode(envelope["payload"], validate=True)
        statement = json.loads(payload)
        [subject] = statement["subject"]
        if statement["_type"] != _STATEMENT or statement["predicateType"] != _PREDICATE:
            raise ValueError("a statement of another kind")
        how = statement["predicate"]["serialization"]
        return cls(
            payload,
            b64decode(envelope["signatures"][0]["sig"], validate=True),
            str(material["publicKey"].get("hint") or "") if "publicKey" in material else None,
            str(subject["name"]),
            str(subject["digest"]["sha256"]),
            str(how["method"]),
            tuple(str(each) for each in how.get("ignore_paths", ())),
            bool(how.get("allow_symlinks", False)),
            tuple(
                (str(each["name"]), str(each["algorithm"]), str(each["digest"]))
                for each in statement["predicate"]["resources"]
            ),
        )


def sign_model(
    path: Path, key: ec.EllipticCurvePrivateKey, *, ignore: Sequence[str] = GIT_PATHS, progress: Progress | None = None
) -> bytes:
    """Returns a signature file for a model, a file or folder.

    Args:
        path: The model; links in it are refused.
        key: On the curve P-256, P-384 or P-521.
        ignore: Paths below the folder that are left out.
        progress: Told (bytes read, bytes in all).

    Raises:
        NotFound: There is no such model.
        InvalidInput: It is empty, holds a link, or what has no content.
    """
    files = _files(path, ignore, follow_links=False)
    link = next((each for each in files if each.is_link), None)
    if link is not None or not files:
        what = f"{link.path.decode('utf-8', 'backslashreplace')} is a link" if link else "there is no file to sign"
        raise InvalidInput(what, hint="sign a folder with the files themselves in it")
    found = _named(path, files, content_hashes(files, progress=progress))
    resources = [
        {"algorithm": "sha256", "digest": digest.hex(), "name": name} for name, digest in sorted(found.items())
    ]
    root = sha256(b"".join(digest for _, digest in sorted(found.items()))).hexdigest()
    statement = {
        "_type": _STATEMENT,
        "predicate": {
            "resources": resources,
            "serialization": {
                "allow_symlinks": False,
                "hash_type": "sha256",
                "ignore_paths": sorted(ignore),
                "method": "files",
            },
        },
        "predicateType": _PREDICATE,
        "subject": [{"digest": {"sha256": root}, "name": path.absolute().name}],
    }
    payload = json.dumps(statement, sort_keys=True).encode()
    signature = key.sign(_signed_bytes(payload), ec.ECDSA(_hash_for(key.public_key())))
    bundle = {
        "dsseEnvelope": {
            "payload": b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"keyid": "", "sig": b64encode(signature).decode()}],
        },
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key.public_key())}, "tlogEntries": []},
    }
    return json.dumps(bundle).encode() + b"\n"


def check_model_signature(
    path: Path, data: bytes, key: ec.EllipticCurvePublicKey | None, *, progress: Progress | None = None
) -> Report:
    """Checks a model against a signature file, ours or another tool's.

    1. the signature file can be read; 2. the key that the checker brought signed it; 3. its digests lead to its
    subject; 4. every file is there, none more, each with its digest.

    Args:
        path: The model.
        data: The signature file.
        key: The signer's, from somewhere the checker trusts; None leaves step 2 unchecked.
        progress: Told (bytes read, bytes in all).
    """
    try:
        signed = _Signed.read(data)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return Report("model", (failed("format", _TITLES["format"], "it is no signature of a model"),))
    count = f"{counted(len(signed.resources), 'file')} of {signed.name}"
    steps = [passed("format", _TITLES["format"], f"a signature over {count}"), _signer_step(signed, key)]
    try:
        root = sha256(b"".join(bytes.fromhex(digest) for _, _, digest in signed.resources)).hexdigest()
    except ValueError:
        root = ""
    is_whole = root == signed.root and len({name for name, _, _ in signed.resources}) == len(signed.resources)
    told = "they do" if is_whole else "its digests do not lead to its subject, or a name stands there twice"
    steps.append((passed if is_whole else failed)("manifest", _TITLES["manifest"], told))
    steps.append(_files_step(path, signed, progress) if is_whole else not_checked("files", _TITLES["files"], told))
    return Report("model", tuple(steps))


def read_public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Reads a public key in PEM.

    Raises:
        InvalidInput: It is none, or not on a curve that model signing knows.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise InvalidInput("that is no public key in PEM", hint="it begins with -----BEGIN PUBLIC KEY-----") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise InvalidInput("models are signed with keys on P-256, P-384 or P-521, and this is another")
    return key


def public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """Returns a public key in PEM, as other tools read it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signer_step(signed: _Signed, key: ec.EllipticCurvePublicKey | None) -> Step:
    title = _TITLES["issuer"]
    if key is None:
        return not_checked("issuer", title, "you did not say whose key it must be (--public-key)")
    if signed.hint is None:
        return not_checked("issuer", title, "it was signed with a certificate, not with a key")
    try:
        key.verify(signed.signature, _signed_bytes(signed.payload), ec.ECDSA(_hash_for(key)))
    except InvalidSignature:
        return failed("issuer", title, "not by the key you named")
    return passed("issuer", title, f"the key you named, SHA-256 {_hint(key)[:16]}…", "who holds that key")


def _files_step(path: Path, signed: _Signed, progress: Progress | None) -> Step:
    title = _TITLES["files"]
    if signed.method != "files" or any(algorithm != "sha256" for _, algorithm, _ in signed.resources):
        return not_checked("files", title, "its digests are of another kind than SHA-256 of whole files")
    files = _files(path, signed.ignored, follow_links=signed.follows_links)
    found = _named(path, files, content_hashes(files, progress=progress))
    wanted = {name: digest for name, _, digest in signed.resources}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    faults += [f"{name} is not among them" for name in sorted(found.keys() - wanted.keys())]
    faults += [
        f"{name} was changed" for name in sorted(wanted.keys() & found.keys()) if found[name].hex() != wanted[name]
    ]
    if faults:
        more = f"; and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        return failed("files", title, "; ".join(faults[:_SHOWN]) + more)
    return passed(
        "files",
        title,
        f"{counted(len(wanted), 'file')}, as signed, and no others",
        "what was left out of the signature",
    )


def _files(path: Path, ignore: Sequence[str], *, follow_links: bool) -> list[Found]:
    left_out = tuple(each.strip("/").encode() for each in ignore)
    found = walk(path, ignore=[each for each in ignore if "/" not in each], follow_links=follow_links)
    return [each for each in found if not any(each.path == out or each.path.startswith(out + b"/") for out in left_out)]


def _named(path: Path, files: Sequence[Found], hashes: Mapping[bytes, bytes]) -> dict[str, bytes]:
    """Returns the digests by the names that a signature has; a model that is one file is called `.`."""
    if path.is_file():
        return {".": hashes[files[0].path]}
    return {path.decode("utf-8", "surrogateescape"): digest for path, digest in hashes.items()}


def _signed_bytes(payload: bytes) -> bytes:
    """Returns what a DSSE signature is over (DSSE v1, "PAE")."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _hash_for(key: ec.EllipticCurvePublicKey) -> HashAlgorithm:
    return _HASHES[key.curve.name]


def _hint(key: ec.EllipticCurvePublicKey) -> str:
    return sha256(public_pem(key)).hexdigest()
