"""Every error Salus raises on purpose.

    SalusError
    ├── InputError            the caller's data is malformed; fix it and try again
    │   ├── CanonicalError    a value has no canonical JSON form
    │   ├── CalldataError     packed words carry bits beyond their last field
    │   └── OversizeError     a transaction needs more gas than a block holds
    ├── IntegrityError        bytes are not what they were committed to be
    │   ├── EnvelopeError     a sealed envelope does not open
    │   ├── ShareError        a key share is not the one that was dealt; names its custodian
    │   ├── ProofError        a Merkle path or log chain does not lead to its root
    │   ├── ReceiptError      a receipt does not verify
    │   └── NodeError         a chain node shows headers or state that their seals or proofs deny
    │       └── ForkError     its chain leaves the one that was followed, or sealers broke their promise
    ├── SignatureError        a signature is malformed, malleable or by somebody else
    ├── RefusedError          the law says no; carries the code of docs/errors.md
    ├── ChainRevert           a contract refuses a call; names its error and arguments
    ├── ConflictError         the same thing exists already with other content
    ├── NotFoundError         the thing named does not exist here
    ├── UnavailableError      a part is away or behind; try again later
    └── SetupError            the installation or configuration is wrong; says what to do

`advice` says what to do next: that of the kind, or, where that would say too little, the raise's own. Neither it nor
the message ever carries content, keys or identifiers of people.
"""

from __future__ import annotations

from salus.core.codes import Code


class SalusError(Exception):
    """Something Salus refuses or cannot do."""

    advice = "Read the message; docs/errors.md lists every code."

    def __init__(self, *message: object, advice: str | None = None) -> None:
        super().__init__(*message)
        if advice is not None:
            self.advice = advice

    def diagnostics(self) -> str:
        """One paragraph for an operator: what happened and what to do next."""
        return f"{self}. {self.advice}"


class InputError(SalusError):
    """The input is malformed."""

    advice = "Correct the input and try again."


class CanonicalError(InputError):
    """A value has no canonical JSON form."""


class CalldataError(InputError):
    """Packed words carry bits beyond their last field."""


class OversizeError(InputError):
    """A transaction needs more gas than a block holds."""

    advice = "Split it, or have the validators raise the block gas limit."


class IntegrityError(SalusError):
    """Bytes are not what they were committed to be."""

    advice = "Fetch the bytes again from another source; if it stays, treat the source as damaged or hostile."


class EnvelopeError(IntegrityError):
    """A sealed envelope does not open."""


class ShareError(IntegrityError):
    """A key share is not the one that was dealt.

    `positions` are the 1-based indices in the custodian set whose shares are wrong or missing.
    """

    def __init__(self, message: str, positions: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.positions = positions


class ProofError(IntegrityError):
    """A Merkle path or log chain does not lead to its root."""


class ReceiptError(IntegrityError):
    """A receipt does not verify; `field` is the path of the member that does not hold, as in `body.leaf`."""

    advice = "Ask the issuer for the receipt again; never repair one by hand."

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class NodeError(IntegrityError):
    """A chain node shows headers or state that their seals or proofs deny."""

    advice = "Take the node off the service and compare it with another member's: it is damaged, misled or hostile."


class ForkError(NodeError):
    """A node's chain leaves the one that was followed, or sealers broke the engine's promise."""

    advice = (
        "Compare the node's chain with other members'; `salus custodian accept-chain` is the operator's word that the "
        "present one is right."
    )


class SignatureError(SalusError):
    """A signature is malformed, malleable or by somebody else."""

    advice = "Sign again with the account the registry names."


class RefusedError(SalusError):
    """The law says no."""

    advice = "Look the code up in docs/errors.md; a refusal is final until what it names changes."

    def __init__(self, code: Code, message: str = "") -> None:
        super().__init__(message or f"refused: {code.name} ({int(code)})")
        self.code = code


class ChainRevert(SalusError):  # noqa: N818 - the field's word
    """A contract refuses a call.

    `error` is the custom error's name, `args_by_name` its arguments.
    """

    advice = "The interface of the contract named in the error says when it reverts; `salus explain` decodes it."

    def __init__(self, error: str, args_by_name: dict[str, object] | None = None) -> None:
        shown = ", ".join(
            f"{name}={'0x' + value.hex() if isinstance(value, bytes) else value}"
            for name, value in (args_by_name or {}).items()
        )
        super().__init__(f"{error}({shown})")
        self.error = error
        self.args_by_name = args_by_name or {}


class ConflictError(SalusError):
    """The same thing exists already with other content."""

    advice = "Read the present state first, then decide which of the two is right."


class NotFoundError(SalusError):
    """The thing named does not exist here."""

    advice = "Check the identifier and the deployment it belongs to."


class UnavailableError(SalusError):
    """A part is away or behind."""

    advice = "Try again in a few seconds; `salus doctor` shows which part is away."


class SetupError(SalusError):
    """The installation or configuration is wrong."""

    advice = "Run `salus doctor`."
