# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Evidence: heads of logs that can only grow
@notice Each organisation keeps its log elsewhere and anchors its head here: how many entries
        the log has (size) and the root of the hash tree over them (RFC 9162, SHA-256, 32 bytes).
        A new head is taken only with the proof that it begins with every entry of the head
        held, so that nobody rewrites history, the log's writer included.

        Who may do what. The owner assigns the writer and names signers, and hands the log
        over in two steps. The writer anchors. Anybody keeps an older head for good, adds a
        note, or convicts a signer who signed two different heads of one size. There is no
        other role, no fee and no way to change this code. Nothing personal belongs here.

        Sizes are below 2**48, times are Unix seconds of the block. The code holds nothing of
        its deployment, so that it has the same hash on every chain.
@license Apache-2.0
"""

from modules import eip712
from modules import signature as signatures
from modules import tree

event Opened:
    log_id: indexed(bytes32)
    opener: indexed(address)
    log_key: indexed(bytes32)
    origin: String[200]

event OwnerOffered:
    log_id: indexed(bytes32)
    account: indexed(address)

event OwnerAssigned:
    log_id: indexed(bytes32)
    account: indexed(address)

event WriterOffered:
    log_id: indexed(bytes32)
    account: indexed(address)

event WriterAssigned:
    log_id: indexed(bytes32)
    account: indexed(address)

event SignerNamed:
    log_id: indexed(bytes32)
    account: indexed(address)

event Anchored:
    log_id: indexed(bytes32)
    size: indexed(uint256)
    root: bytes32

event Kept:
    log_id: indexed(bytes32)
    size: indexed(uint256)
    root: bytes32

event Noted:
    log_id: indexed(bytes32)
    index: indexed(uint256)
    by: indexed(address)
    digest: bytes32

event Equivocated:
    log_id: indexed(bytes32)
    size: indexed(uint256)
    signer: indexed(address)
    root_a: bytes32
    root_b: bytes32

# Of `Head.packed`: the writer in bits 0..159, the size in bits 160..207, the time in bits 208..255.
SIZE_AT: constant(uint256) = 160
TIME_AT: constant(uint256) = 208
ADDRESS_MASK: constant(uint256) = 2**160 - 1
SIZE_MASK: constant(uint256) = 2**48 - 1

struct Head:
    packed: uint256
    root: bytes32

NAME: constant(String[50]) = "Counterfoil Evidence"
VERSION: constant(String[20]) = "1"
NAME_HASH: constant(bytes32) = keccak256(NAME)
VERSION_HASH: constant(bytes32) = keccak256(VERSION)
HEAD_TYPE: constant(bytes32) = keccak256("Head(bytes32 logId,uint256 size,bytes32 root)")

# Checkers outside find a head in a storage proof because `_heads` comes first (docs/reference/anchor.md).
_heads: HashMap[bytes32, Head]
_kept: HashMap[bytes32, HashMap[uint256, bytes32]]
_owners: HashMap[bytes32, address]
_offered_owners: HashMap[bytes32, address]
_offered_writers: HashMap[bytes32, address]
_signers: HashMap[bytes32, HashMap[address, bool]]
_equivocated: HashMap[bytes32, bool]


# Opening a log, and who may do what with it


@external
def open(origin: String[200], log_key: bytes32, writer: address, signer: address) -> bytes32:
    """
    @notice Opens a log; the sender becomes its owner
    @dev The id depends on the sender, so nobody can take another's. Emits Opened, WriterAssigned and SignerNamed.
    @param origin The log's name in its checkpoints, 1 to 200 bytes of UTF-8
    @param log_key The Ed25519 public key that signs its checkpoints, 32 bytes
    @param writer The account that may anchor
    @param signer The first account whose signed heads can convict the log
    @return The log's id: keccak256(abi_encode(sender, origin)), 32 bytes
    """
    assert origin != "", "a log needs an origin"
    assert log_key != empty(bytes32), "a log needs a key"
    assert writer != empty(address), "a log needs a writer"
    log_id: bytes32 = keccak256(abi_encode(msg.sender, origin))
    assert self._owners[log_id] == empty(address), "this log is open already"
    self._owners[log_id] = msg.sender
    log Opened(log_id=log_id, opener=msg.sender, log_key=log_key, origin=origin)
    self._assign_writer(log_id, writer)
    self._name_signer(log_id, signer)
    return log_id


@external
def offer_owner(log_id: bytes32, account: address):
    """
    @notice The owner offers the log to another account, which accept_owner makes the owner
    @param log_id The log, 32 bytes
    @param account The next owner; the zero address withdraws the offer
    """
    self._require_owner(log_id)
    self._offered_owners[log_id] = account
    log OwnerOffered(log_id=log_id, account=account)


@external
def accept_owner(log_id: bytes32):
    """
    @notice The account that was offered the log becomes its owner
    @dev What the former owner offered and nobody accepted yet, lapses: both offers become the zero address.
    @param log_id The log, 32 bytes
    """
    assert msg.sender == self._offered_owners[log_id], "not offered to this account"
    self._owners[log_id] = msg.sender
    self._offered_owners[log_id] = empty(address)
    self._offered_writers[log_id] = empty(address)
    log OwnerAssigned(log_id=log_id, account=msg.sender)


@external
def offer_writer(log_id: bytes32, account: address):
    """
    @notice The owner offers another account to be the writer, which accept_writer makes it
    @param log_id The log, 32 bytes
    @param account The next writer; the zero address withdraws the offer
    """
    self._require_owner(log_id)
    self._offered_writers[log_id] = account
    log WriterOffered(log_id=log_id, account=account)


@external
def accept_writer(log_id: bytes32):
    """
    @notice The account that was offered to be the writer becomes it
    @param log_id The log, 32 bytes
    """
    assert msg.sender == self._offered_writers[log_id], "not offered to this account"
    self._offered_writers[log_id] = empty(address)
    self._assign_writer(log_id, msg.sender)


@external
def revoke_writer(log_id: bytes32):
    """
    @notice The owner stops the writer at once, and withdraws what was offered; nobody anchors until a writer accepts
    @param log_id The log, 32 bytes
    """
    self._require_owner(log_id)
    self._offered_writers[log_id] = empty(address)
    self._assign_writer(log_id, empty(address))


@external
def name_signer(log_id: bytes32, account: address):
    """
    @notice The owner names an account whose signed heads can convict the log; it counts for ever
    @param log_id The log, 32 bytes
    @param account The signer: a secp256k1 account, or a contract that answers ERC-1271
    """
    self._require_owner(log_id)
    self._name_signer(log_id, account)


# Heads


@external
def anchor(log_id: bytes32, size: uint256, root: bytes32, proof: DynArray[bytes32, 64]):
    """
    @notice The writer puts a newer head in the place of the one held
    @dev The same head again is taken too, and renews the time.
    @param log_id The log, 32 bytes
    @param size How many entries the log has, 1 to 2**48 - 1
    @param root The root over them, 32 bytes
    @param proof RFC 9162 consistency proof from the head held to this one, hashes of 32 bytes; none for the first
    """
    held: Head = self._heads[log_id]
    assert held.packed & ADDRESS_MASK == convert(msg.sender, uint256), "only the writer may anchor"
    assert size != 0 and size <= SIZE_MASK, "size out of range"
    held_size: uint256 = (held.packed >> SIZE_AT) & SIZE_MASK
    if held_size == 0:
        assert len(proof) == 0, "the first head needs no proof"
        assert root != empty(bytes32), "a head needs a root"
    else:
        assert tree._is_consistent(held_size, held.root, size, root, proof), "not an extension of the head held"
    self._heads[log_id] = Head(
        packed=convert(msg.sender, uint256) | (size << SIZE_AT) | (block.timestamp << TIME_AT), root=root
    )
    log Anchored(log_id=log_id, size=size, root=root)


@external
def keep(log_id: bytes32, size: uint256, root: bytes32, proof: DynArray[bytes32, 64]):
    """
    @notice Stores an older head for good, for whoever proves that the head held begins with it
    @param log_id The log, 32 bytes
    @param size How many entries the older head has, 1 to the size held
    @param root The root over them, 32 bytes
    @param proof RFC 9162 consistency proof from that head to the one held, hashes of 32 bytes
    """
    held: Head = self._heads[log_id]
    held_size: uint256 = (held.packed >> SIZE_AT) & SIZE_MASK
    assert tree._is_consistent(size, root, held_size, held.root, proof), "not a beginning of the head held"
    self._kept[log_id][size] = root
    log Kept(log_id=log_id, size=size, root=root)


@external
def note(log_id: bytes32, index: uint256, digest: bytes32):
    """
    @notice Adds a note about an entry, from anybody: a dispute, a correction. History is annotated, never edited
    @dev Nothing is stored, and whether the entry exists is not looked at.
    @param log_id The log, 32 bytes
    @param index The entry's place in the log, from 0
    @param digest SHA-256 of the note, 32 bytes
    """
    assert self._owners[log_id] != empty(address), "no such log"
    log Noted(log_id=log_id, index=index, by=msg.sender, digest=digest)


# Two heads of one size


@external
def judge(
    log_id: bytes32,
    size: uint256,
    signer: address,
    root_a: bytes32,
    signature_a: Bytes[1024],
    root_b: bytes32,
    signature_b: Bytes[1024],
):
    """
    @notice Marks the log for everyone to see, when one named signer signed two heads of one size
    @dev What a key signed it has signed for ever; a contract (ERC-1271) is asked now, and may have changed its mind.
    @param log_id The log, 32 bytes
    @param size The size both heads speak of
    @param signer A signer of the log, past or present
    @param root_a The root of one head, 32 bytes
    @param signature_a Its signature: r || s || v, 65 bytes, or up to 1,024 bytes for a contract
    @param root_b The root of the other, 32 bytes
    @param signature_b Its signature, likewise
    """
    assert root_a != root_b, "the heads are equal"
    self._require_signed(log_id, size, signer, root_a, signature_a)
    self._require_signed(log_id, size, signer, root_b, signature_b)
    self._convict(log_id, size, signer, root_a, root_b)


@external
def judge_anchored(log_id: bytes32, size: uint256, signer: address, root: bytes32, signature: Bytes[1024]):
    """
    @notice Marks the log for everyone to see, when a named signer signed another head than the one held or kept here
    @param log_id The log, 32 bytes
    @param size The size of the head signed, which is the size held, or one kept
    @param signer A signer of the log, past or present
    @param root The root of the head signed, 32 bytes
    @param signature Its signature: r || s || v, 65 bytes, or up to 1,024 bytes for a contract
    """
    anchored: bytes32 = self._root(log_id, size)
    assert anchored != empty(bytes32), "no head of this size is held or kept"
    assert root != anchored, "the heads are equal"
    self._require_signed(log_id, size, signer, root, signature)
    self._convict(log_id, size, signer, anchored, root)


# What anybody may look up


@external
@view
def log_id_of(opener: address, origin: String[200]) -> bytes32:
    """
    @notice The id of the log that an account opened, or would open
    @param opener The account
    @param origin The log's name in its checkpoints, up to 200 bytes
    @return keccak256(abi_encode(opener, origin)), 32 bytes
    """
    return keccak256(abi_encode(opener, origin))


@external
@view
def owner(log_id: bytes32) -> address:
    """
    @notice The owner of a log
    @param log_id The log, 32 bytes
    @return The account; the zero address where there is no such log
    """
    return self._owners[log_id]


@external
@view
def pending_owner(log_id: bytes32) -> address:
    """
    @notice The account that may accept the log
    @param log_id The log, 32 bytes
    @return The account; the zero address where nothing is offered
    """
    return self._offered_owners[log_id]


@external
@view
def writer(log_id: bytes32) -> address:
    """
    @notice The account that may anchor
    @param log_id The log, 32 bytes
    @return The account; the zero address where nobody may
    """
    return convert(self._heads[log_id].packed & ADDRESS_MASK, address)


@external
@view
def pending_writer(log_id: bytes32) -> address:
    """
    @notice The account that may accept to be the writer
    @param log_id The log, 32 bytes
    @return The account; the zero address where nothing is offered
    """
    return self._offered_writers[log_id]


@external
@view
def is_signer(log_id: bytes32, account: address) -> bool:
    """
    @notice Whether an account's signed heads can convict the log
    @param log_id The log, 32 bytes
    @param account The account
    @return True once it was named
    """
    return self._signers[log_id][account]


@external
@view
def head(log_id: bytes32) -> (uint256, bytes32, uint256):
    """
    @notice The newest head of a log
    @param log_id The log, 32 bytes
    @return Its size in entries, its root of 32 bytes, and when it was anchored last in Unix seconds; zeros before
    """
    held: Head = self._heads[log_id]
    return (held.packed >> SIZE_AT) & SIZE_MASK, held.root, held.packed >> TIME_AT


@external
@view
def kept(log_id: bytes32, size: uint256) -> bytes32:
    """
    @notice The root of an older head that was kept
    @param log_id The log, 32 bytes
    @param size How many entries that head has
    @return The root, 32 bytes; zero where none of this size was kept
    """
    return self._kept[log_id][size]


@external
@view
def included(
    log_id: bytes32, size: uint256, leaf: bytes32, index: uint256, proof: DynArray[bytes32, 64]
) -> bool:
    """
    @notice Whether a log has an entry, by the head held or a kept head of that size
    @param log_id The log, 32 bytes
    @param size The size of the head to prove it against
    @param leaf SHA-256(0x00 || entry), 32 bytes
    @param index The entry's place in the log, from 0
    @param proof RFC 9162 inclusion proof, hashes of 32 bytes
    @return False also where no head of this size is held or kept
    """
    root: bytes32 = self._root(log_id, size)
    return root != empty(bytes32) and tree._is_included(leaf, index, size, proof, root)


@external
@view
def equivocated(log_id: bytes32) -> bool:
    """
    @notice Whether the log was convicted: a named signer of it signed two heads of one size
    @param log_id The log, 32 bytes
    @return True from then on, for ever
    """
    return self._equivocated[log_id]


@external
@view
def hash_head(log_id: bytes32, size: uint256, root: bytes32) -> bytes32:
    """
    @notice What a signer signs for a head (EIP-712, struct Head(bytes32 logId,uint256 size,bytes32 root))
    @param log_id The log, 32 bytes
    @param size How many entries the head has
    @param root The root over them, 32 bytes
    @return The digest, 32 bytes
    """
    return self._hash_head(log_id, size, root)


@external
@view
def eip712Domain() -> (bytes1, String[50], String[20], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice The domain of what signers sign (ERC-5267)
    @return Which fields are used, name, version, chain id, this contract, no salt, no extensions
    """
    return eip712._domain(NAME, VERSION)


# Inside


@internal
@view
def _require_owner(log_id: bytes32):
    assert msg.sender == self._owners[log_id], "only the owner may do this"


@internal
def _assign_writer(log_id: bytes32, account: address):
    packed: uint256 = self._heads[log_id].packed
    self._heads[log_id].packed = ((packed >> SIZE_AT) << SIZE_AT) | convert(account, uint256)
    log WriterAssigned(log_id=log_id, account=account)


@internal
def _name_signer(log_id: bytes32, account: address):
    assert account != empty(address), "a signer needs an address"
    self._signers[log_id][account] = True
    log SignerNamed(log_id=log_id, account=account)


@internal
@view
def _root(log_id: bytes32, size: uint256) -> bytes32:
    """
    @notice The root of the head of `size` that is held or kept, zero where there is none
    """
    held: Head = self._heads[log_id]
    if (held.packed >> SIZE_AT) & SIZE_MASK == size:
        return held.root
    return self._kept[log_id][size]


@internal
@view
def _hash_head(log_id: bytes32, size: uint256, root: bytes32) -> bytes32:
    return eip712._digest(NAME_HASH, VERSION_HASH, keccak256(abi_encode(HEAD_TYPE, log_id, size, root)))


@internal
@view
def _require_signed(log_id: bytes32, size: uint256, signer: address, root: bytes32, signature: Bytes[1024]):
    assert self._signers[log_id][signer], "not a signer of this log"
    digest: bytes32 = self._hash_head(log_id, size, root)
    assert signatures._is_by(signer, digest, signature), "not signed by this signer"


@internal
def _convict(log_id: bytes32, size: uint256, signer: address, root_a: bytes32, root_b: bytes32):
    self._equivocated[log_id] = True
    log Equivocated(log_id=log_id, size=size, signer=signer, root_a=root_a, root_b=root_b)
