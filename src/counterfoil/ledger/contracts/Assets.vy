# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Assets: one token for each dataset, model or service
@notice Whoever registers an asset names its manifest: the SHA-256 digest of the document that says
        what it is, 32 bytes. The asset's id is keccak256 of registrar and manifest, so that nobody
        can take another's id first. It shows who registered this manifest and when, not who is in
        the right: anybody may register a copy, under an id of their own.

        Who may do what. The owner transfers the asset (ERC-721) and gives accounts roles for it;
        what was given lapses when the asset changes hands. A publisher publishes versions and says
        where they are found; an operator sets the state; a pricer is for markets to ask about. The
        owner has every role. Accounts that may transfer an asset (`approve`, `setApprovalForAll`)
        may do nothing else with it. The royalty is fixed for ever (ERC-2981); its receiver, at first
        the registrar, names the next one.

        There is no other role, no fee and no way to change this code. Nothing personal belongs here.
        The code holds nothing of its deployment, so that it has the same hash on every chain.
@license Apache-2.0
"""

from modules import erc721

initializes: erc721
exports: (
    erc721.balanceOf,
    erc721.ownerOf,
    erc721.approve,
    erc721.getApproved,
    erc721.setApprovalForAll,
    erc721.isApprovedForAll,
)

event Registered:
    id: indexed(uint256)
    creator: indexed(address)
    kind: indexed(uint256)
    manifest: bytes32
    royalty_bps: uint256
    uri: String[128]

event Derived:
    id: indexed(uint256)
    parent: indexed(uint256)

event Published:
    id: indexed(uint256)
    version: indexed(uint256)
    manifest: bytes32
    uri: String[128]

event UriSet:
    id: indexed(uint256)
    uri: String[128]

event StateSet:
    id: indexed(uint256)
    state: indexed(uint256)
    by: indexed(address)

event RolesSet:
    id: indexed(uint256)
    account: indexed(address)
    roles: uint256

event RoyaltyAssigned:
    id: indexed(uint256)
    account: indexed(address)

# ERC-4906: whoever keeps a copy of the asset's metadata reads it anew.
event MetadataUpdate:
    id: uint256

interface Market:
    def on_registered(id: uint256, creator: address, terms: Bytes[512]) -> bytes4: nonpayable

# Of a token's word, beside owner and tenure: state, kind, royalty, version, and the bytes of its URI.
STATE_AT: constant(uint256) = 160
KIND_AT: constant(uint256) = 168
ROYALTY_AT: constant(uint256) = 176
VERSION_AT: constant(uint256) = 192
URI_BYTES_AT: constant(uint256) = 224
STATE_MASK: constant(uint256) = 255
KIND_MASK: constant(uint256) = 255
ROYALTY_MASK: constant(uint256) = 2**16 - 1
VERSION_MASK: constant(uint256) = 2**32 - 1
URI_BYTES_MASK: constant(uint256) = 255

# 0 active, 1 deprecated, 2 recalled, 3 blocked.
LAST_STATE: constant(uint256) = 3
PUBLISHER: constant(uint256) = 1
OPERATOR: constant(uint256) = 2
PRICER: constant(uint256) = 4
MAX_ROYALTY_BPS: constant(uint256) = 1_000
MAX_PARENTS: constant(uint256) = 16
WORDS_OF_URI: constant(uint256) = 4

_manifests: HashMap[uint256, bytes32]
_uris: HashMap[uint256, bytes32[WORDS_OF_URI]]
_roles: HashMap[uint256, HashMap[address, uint256]]
# Empty while the creator, to whom the royalty goes, is still the first owner.
_royalty_receivers: HashMap[uint256, address]


# Registering, and what is said about an asset afterwards


@external
def register(
    kind: uint256, manifest: bytes32, uri: String[128], royalty_bps: uint256, parents: DynArray[uint256, MAX_PARENTS]
) -> uint256:
    """
    @notice Registers an asset; the sender becomes its creator and owner, and its manifest is version 1
    @dev Emits Registered, Derived for each parent, and Transfer from the zero address.
    @param kind What it is, 1 to 255: 1 dataset, 2 model, 3 service, 4 organisation
    @param manifest SHA-256 of the document that says what it is, 32 bytes, not zero
    @param uri Where that is found, up to 128 bytes; empty where it is not for everybody
    @param royalty_bps What the creator asks of each sale, in hundredths of a percent, up to 1,000
    @param parents Ids of up to 16 assets that it was made from, each once, in ascending order
    @return Its id: keccak256(abi_encode(sender, manifest))
    """
    return self._register(kind, manifest, uri, royalty_bps, parents)


@external
def register_and_offer(
    kind: uint256,
    manifest: bytes32,
    uri: String[128],
    royalty_bps: uint256,
    parents: DynArray[uint256, MAX_PARENTS],
    market: address,
    terms: Bytes[512],
) -> uint256:
    """
    @notice The same as `register`, and hands the asset's terms to a market, all or nothing
    @dev The market learns by whom: it need not trust the sender's word, only this contract's. It cannot move the asset.
    @param kind As for `register`
    @param manifest As for `register`, 32 bytes
    @param uri As for `register`, up to 128 bytes
    @param royalty_bps As for `register`, up to 1,000
    @param parents As for `register`, up to 16
    @param market A contract that answers on_registered with that function's selector
    @param terms What the market is told, up to 512 bytes in its own form
    @return The asset's id
    """
    id: uint256 = self._register(kind, manifest, uri, royalty_bps, parents)
    answer: bytes4 = extcall Market(market).on_registered(id, msg.sender, terms)
    assert answer == method_id("on_registered(uint256,address,bytes)", output_type=bytes4), "the market does not take it"
    return id


@external
def publish(id: uint256, manifest: bytes32, uri: String[128]):
    """
    @notice A publisher publishes the next version of an asset
    @dev Emits Published and MetadataUpdate.
    @param id The asset
    @param manifest SHA-256 of the document that says what this version is, 32 bytes, another than that of the newest
    @param uri Where that is found, up to 128 bytes; takes the place of the former one, empty too
    """
    word: uint256 = erc721._word(id)
    self._require_role(id, word, PUBLISHER)
    assert manifest != empty(bytes32), "an asset needs a manifest"
    assert manifest != self._manifests[id], "this is the newest version already"
    version: uint256 = unsafe_add((word >> VERSION_AT) & VERSION_MASK, 1)
    assert version <= VERSION_MASK, "too many versions"
    self._manifests[id] = manifest
    self._put_uri(id, uri)
    others: uint256 = word & ~((VERSION_MASK << VERSION_AT) | (URI_BYTES_MASK << URI_BYTES_AT))
    erc721._words[id] = others | (version << VERSION_AT) | (len(uri) << URI_BYTES_AT)
    log Published(id=id, version=version, manifest=manifest, uri=uri)
    log MetadataUpdate(id=id)


@external
def set_uri(id: uint256, uri: String[128]):
    """
    @notice A publisher says where the newest version is found from now on; the version stays
    @dev Emits UriSet and MetadataUpdate.
    @param id The asset
    @param uri Where that is, up to 128 bytes; empty where it is not for everybody
    """
    word: uint256 = erc721._word(id)
    self._require_role(id, word, PUBLISHER)
    self._put_uri(id, uri)
    erc721._words[id] = (word & ~(URI_BYTES_MASK << URI_BYTES_AT)) | (len(uri) << URI_BYTES_AT)
    log UriSet(id=id, uri=uri)
    log MetadataUpdate(id=id)


@external
def set_state(id: uint256, state: uint256):
    """
    @notice An operator says how an asset stands
    @param id The asset
    @param state 0 active, 1 deprecated (there is a better one), 2 recalled (it is faulty), 3 blocked (it may not be used)
    """
    word: uint256 = erc721._word(id)
    self._require_role(id, word, OPERATOR)
    assert state <= LAST_STATE, "no such state"
    erc721._words[id] = (word & ~(STATE_MASK << STATE_AT)) | (state << STATE_AT)
    log StateSet(id=id, state=state, by=msg.sender)


@external
def set_roles(id: uint256, account: address, roles: uint256):
    """
    @notice The owner says which roles an account has for an asset, until it changes hands
    @param id The asset
    @param account The account
    @param roles All it has from now on, added up: 1 publisher, 2 operator, 4 pricer; 0 for none
    """
    word: uint256 = erc721._word(id)
    assert msg.sender == erc721._owner(word), "only the owner may do this"
    assert roles <= PUBLISHER | OPERATOR | PRICER, "no such role"
    self._roles[id][account] = erc721._stamped(word, roles)
    log RolesSet(id=id, account=account, roles=roles)


@external
def assign_royalty(id: uint256, account: address):
    """
    @notice Whoever receives an asset's royalty names who receives it from now on
    @param id The asset
    @param account The next receiver, not the zero address
    """
    assert msg.sender == self._royalty_receiver(id, erc721._word(id)), "only the royalty's receiver may do this"
    assert account != empty(address), "a royalty needs a receiver"
    self._royalty_receivers[id] = account
    log RoyaltyAssigned(id=id, account=account)


@external
def transferFrom(sender: address, receiver: address, id: uint256):
    """
    @notice Transfers an asset, and does not ask whether the receiver can do anything with it (ERC-721)
    @dev Roles and the account approved lapse. The owner, an operator of the owner and the account approved may.
    @param sender The owner
    @param receiver The next owner, not the zero address
    @param id The asset
    """
    self._transfer(sender, receiver, id)


@external
def safeTransferFrom(sender: address, receiver: address, id: uint256, data: Bytes[1024] = b""):
    """
    @notice Transfers an asset; a receiver that is a contract must answer that it takes it (ERC-721)
    @param sender The owner
    @param receiver The next owner, not the zero address
    @param id The asset
    @param data What such a contract is told, up to 1,024 bytes
    """
    self._transfer(sender, receiver, id)
    erc721._require_taken(sender, receiver, id, data)


# What anybody may look up


@external
@view
def id_of(creator: address, manifest: bytes32) -> uint256:
    """
    @notice The id of the asset that an account registered, or would register
    @param creator The account
    @param manifest SHA-256 of the document of its first version, 32 bytes
    @return keccak256(abi_encode(creator, manifest))
    """
    return self._id(creator, manifest)


@external
@view
def asset(id: uint256) -> (address, uint256, uint256, uint256, uint256):
    """
    @notice What a market asks before it sells, in one word of storage
    @param id The asset; the call is refused where there is no such asset
    @return Owner; state (0 active, 1 deprecated, 2 recalled, 3 blocked); kind; version, from 1; royalty in hundredths
            of a percent
    """
    word: uint256 = erc721._word(id)
    return (
        erc721._owner(word),
        (word >> STATE_AT) & STATE_MASK,
        (word >> KIND_AT) & KIND_MASK,
        (word >> VERSION_AT) & VERSION_MASK,
        (word >> ROYALTY_AT) & ROYALTY_MASK,
    )


@external
@view
def manifest(id: uint256) -> bytes32:
    """
    @notice The manifest of an asset's newest version
    @param id The asset
    @return SHA-256 of the document that says what it is, 32 bytes
    """
    erc721._word(id)  # refuses what is not there
    return self._manifests[id]


@external
@view
def may(id: uint256, account: address, role: uint256) -> bool:
    """
    @notice Whether an account has a role for an asset; the owner has every role
    @param id The asset
    @param account The account
    @param role 1 publisher, 2 operator, 4 pricer; of several added up, all are asked for
    @return False also for a role that there is not
    """
    return self._may(id, erc721._word(id), account, role)


@external
@view
def roles(id: uint256, account: address) -> uint256:
    """
    @notice The roles that the owner gave an account
    @param id The asset
    @param account The account
    @return Added up: 1 publisher, 2 operator, 4 pricer
    """
    return erc721._granted(erc721._word(id), self._roles[id][account])


@external
@view
def royaltyInfo(id: uint256, price: uint256) -> (address, uint256):
    """
    @notice To whom which part of a price goes (ERC-2981)
    @param id The asset
    @param price In the smallest unit of any currency
    @return The receiver, and the amount in the same unit, rounded down
    """
    word: uint256 = erc721._word(id)
    bps: uint256 = (word >> ROYALTY_AT) & ROYALTY_MASK
    # Whole ten-thousands first: exact, and with at most 1,000 for 10,000 no price is too large.
    amount: uint256 = unsafe_add(unsafe_mul(price // 10_000, bps), unsafe_mul(price % 10_000, bps) // 10_000)
    return self._royalty_receiver(id, word), amount


@external
@view
def tokenURI(id: uint256) -> String[128]:
    """
    @notice Where the document of an asset's newest version is found (ERC-721)
    @param id The asset
    @return Up to 128 bytes; empty where it is not for everybody
    """
    size: uint256 = (erc721._word(id) >> URI_BYTES_AT) & URI_BYTES_MASK
    words: bytes32[WORDS_OF_URI] = self._uris[id]
    return convert(slice(concat(words[0], words[1], words[2], words[3]), 0, size), String[128])


@external
@pure
def name() -> String[18]:
    """
    @notice What wallets call these tokens (ERC-721)
    @return The name
    """
    return "Counterfoil Assets"


@external
@pure
def symbol() -> String[5]:
    """
    @notice The same, short (ERC-721)
    @return The symbol
    """
    return "ASSET"


@external
@pure
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice Which standards this contract keeps to (ERC-165)
    @param interface_id The standard's id, 4 bytes
    @return True for ERC-165, ERC-721 and its metadata, ERC-2981 and ERC-4906
    """
    return interface_id in [0x01ffc9a7, 0x80ac58cd, 0x5b5e139f, 0x2a55205a, 0x49064906]


# Inside


@internal
@pure
def _id(creator: address, manifest: bytes32) -> uint256:
    return convert(keccak256(abi_encode(creator, manifest)), uint256)


@internal
def _register(
    kind: uint256, manifest: bytes32, uri: String[128], royalty_bps: uint256, parents: DynArray[uint256, MAX_PARENTS]
) -> uint256:
    assert kind != 0 and kind <= KIND_MASK, "no such kind"
    assert manifest != empty(bytes32), "an asset needs a manifest"
    assert royalty_bps <= MAX_ROYALTY_BPS, "royalty above the ceiling"
    id: uint256 = self._id(msg.sender, manifest)
    assert erc721._words[id] == 0, "registered already"
    log Registered(id=id, creator=msg.sender, kind=kind, manifest=manifest, royalty_bps=royalty_bps, uri=uri)
    # Before the asset is there, so that it is no parent of its own.
    last: uint256 = 0
    for parent: uint256 in parents:
        assert parent > last, "parents out of order"
        assert erc721._words[parent] != 0, "no such parent"
        log Derived(id=id, parent=parent)
        last = parent
    self._manifests[id] = manifest
    self._put_uri(id, uri)
    bits: uint256 = (kind << KIND_AT) | (royalty_bps << ROYALTY_AT) | (1 << VERSION_AT) | (len(uri) << URI_BYTES_AT)
    erc721._mint(msg.sender, id, bits)
    return id


@internal
def _put_uri(id: uint256, uri: String[128]):
    """
    @notice Stores as many words as the URI has; its length goes into the asset's word
    """
    encoded: Bytes[192] = abi_encode(uri)  # two words of head, then the text, padded
    for place: uint256 in range(WORDS_OF_URI):
        if 32 * place >= len(uri):
            break
        self._uris[id][place] = extract32(encoded, 64 + 32 * place)


@internal
@view
def _may(id: uint256, word: uint256, account: address, role: uint256) -> bool:
    if role == 0 or role > PUBLISHER | OPERATOR | PRICER:
        return False
    if account == erc721._owner(word):
        return True
    return erc721._granted(word, self._roles[id][account]) & role == role


@internal
@view
def _require_role(id: uint256, word: uint256, role: uint256):
    assert self._may(id, word, msg.sender, role), "not in this role"


@internal
@view
def _royalty_receiver(id: uint256, word: uint256) -> address:
    receiver: address = self._royalty_receivers[id]
    return receiver if receiver != empty(address) else erc721._owner(word)


@internal
def _transfer(sender: address, receiver: address, id: uint256):
    """
    @notice Moves an asset; from here on the creator, to whom the royalty goes, need not be the owner
    """
    word: uint256 = erc721._word(id)
    erc721._transfer(word, sender, receiver, id)
    if (word >> ROYALTY_AT) & ROYALTY_MASK != 0 and self._royalty_receivers[id] == empty(address):
        self._royalty_receivers[id] = sender
