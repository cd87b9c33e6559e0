"""Everything that people may ask of a running gateway: one struct for each kind, named as a command.

Whoever asks makes one, whoever carries it out reads it; it must never know how it travels between them.
"""

from typing import Any, Final, Literal, get_args

import msgspec

#: A table of the configuration as the settings file would write it.
Table = dict[str, Any]


class ResolveHeld(msgspec.Struct, frozen=True, tag="resolve_held"):
    """Decide about held items: they go on in their queues, or they end as cancelled."""

    ids: tuple[int, ...]
    is_resent: bool


class DropQueue(msgspec.Struct, frozen=True, tag="drop_queue"):
    """End what waits in a queue that nobody reads any more."""

    queue: str


class ReplayCallbacks(msgspec.Struct, frozen=True, tag="replay_callbacks"):
    """Post failed callbacks again: these, or all of a client."""

    ids: tuple[int, ...] = ()
    client: str = ""


class ReplayReceipts(msgspec.Struct, frozen=True, tag="replay_receipts"):
    """Try parked delivery reports again: all of an operator, or these.

    Their ids are read as the operator's profile says by now, or this once as it is said here.
    """

    operator: str = ""
    ids: tuple[int, ...] = ()
    id_base: Literal["", "exact", "hex_to_decimal", "decimal_to_hex", "either"] = ""
    id_ignores_case: bool = False
    id_ignores_zeros: bool = False


class EnableCallbacks(msgspec.Struct, frozen=True, tag="enable_callbacks"):
    """Post again to a client's URL that said that it is gone."""

    client: str


class AddCredit(msgspec.Struct, frozen=True, tag="add_credit"):
    """Pay into a client's balance, or take from it; units are millionths of a currency, or parts without one."""

    client: str
    currency: str
    units: int
    note: str = ""


class CancelMessage(msgspec.Struct, frozen=True, tag="cancel_message"):
    """End a message that only waits, as its client could."""

    id: int


class AddOptOut(msgspec.Struct, frozen=True, tag="add_opt_out"):
    """Have a handset hear no more from a list's senders, as if it had sent STOP; what it says later counts more."""

    list: str
    handset: str
    note: str = ""


class RemoveOptOut(msgspec.Struct, frozen=True, tag="remove_opt_out"):
    """Let a handset hear from a list's senders again, as if it had sent START."""

    list: str
    handset: str
    note: str = ""


class SendTest(msgspec.Struct, frozen=True, tag="send_test"):
    """Send a message as a client, as if it had posted it; the outcome names the message."""

    client: str
    to: str
    text: str
    source: str = ""


class ResendMessage(msgspec.Struct, frozen=True, tag="resend_message"):
    """Send what has ended once more, as a new message of its client with the same content; the outcome names it."""

    id: int


class SetDemoTraffic(msgspec.Struct, frozen=True, tag="set_demo_traffic"):
    """Have a gateway without a settings file send so many messages a second by itself, 0 for none."""

    per_s: float = 0.0


# -- what changes the configuration ---------------------------------------------------------------------------------


class ConfigurationChange(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a new version of the configuration."""

    #: The version that the asker has seen: if another one came meanwhile, the change fails.  0 for whatever counts.
    base: int = 0


class ApplyConfiguration(ConfigurationChange, frozen=True, kw_only=True, tag="apply_configuration"):
    """Put a whole configuration in the place of the one that counts; `[gateway]` and `[listen]` of it are left out."""

    toml: str
    #: Bind the links anew at once of operators whose address, credentials or binds it changes.
    resets_links: bool = False


class Rollback(ConfigurationChange, frozen=True, kw_only=True, tag="rollback"):
    """Make an earlier version count again, as a new one."""

    version: int
    #: As with a whole configuration.
    resets_links: bool = False


class AddOperator(ConfigurationChange, frozen=True, kw_only=True, tag="add_operator"):
    """Add an operator, with the keys of `[[operators]]`."""

    operator: Table


class ChangeOperator(ConfigurationChange, frozen=True, kw_only=True, tag="change_operator"):
    """Set keys of an operator; a key that is null is taken away, one within a table keeps its neighbours."""

    name: str
    changes: Table
    #: Bind its links anew at once; otherwise address and credentials count from the next connection on, and its
    #: protocol and bind when somebody resets them.
    resets_links: bool = False


class RemoveOperator(ConfigurationChange, frozen=True, kw_only=True, tag="remove_operator"):
    """Take an operator away; it drains, and what then waits in its queue is shown as unread."""

    name: str


class PauseOperator(ConfigurationChange, frozen=True, kw_only=True, tag="pause_operator"):
    """Send an operator nothing more until it is resumed; receipts and MO come in as before."""

    name: str


class ResumeOperator(ConfigurationChange, frozen=True, kw_only=True, tag="resume_operator"):
    """Send to a paused operator again."""

    name: str


class AddClient(ConfigurationChange, frozen=True, kw_only=True, tag="add_client"):
    """Add a client, with the keys of `[[clients]]`."""

    client: Table


class ChangeClient(ConfigurationChange, frozen=True, kw_only=True, tag="change_client"):
    """Set keys of a client; a key that is null is taken away, one within a table keeps its neighbours."""

    name: str
    changes: Table


class RemoveClient(ConfigurationChange, frozen=True, kw_only=True, tag="remove_client"):
    """Take a client away: its sessions end, and what then waits for it is shown as unread."""

    name: str


class RotateClientSecret(ConfigurationChange, frozen=True, kw_only=True, tag="rotate_client_secret"):
    """Give a client a new secret, made here; `secret` is `smpp`, `ucp`, `token` or `callback`.

    The outcome bears it once.  The old one is good for `overlap_s` more.
    """

    client: str
    secret: str
    overlap_s: float = 86_400.0


class SetRoutes(ConfigurationChange, frozen=True, kw_only=True, tag="set_routes"):
    """Put these routes, in this order, in the place of all."""

    routes: tuple[Table, ...]


class AddRoute(ConfigurationChange, frozen=True, kw_only=True, tag="add_route"):
    """Add a route at a place counted from 0, or behind all."""

    route: Table
    place: int | None = None


class SetRoute(ConfigurationChange, frozen=True, kw_only=True, tag="set_route"):
    """Put a route in the place of the one that stands there."""

    place: int
    route: Table


class MoveRoute(ConfigurationChange, frozen=True, kw_only=True, tag="move_route"):
    """Carry a route from one place in the order to another."""

    place: int
    to: int


class RemoveRoute(ConfigurationChange, frozen=True, kw_only=True, tag="remove_route"):
    """Take a route away."""

    place: int


class SetProfile(ConfigurationChange, frozen=True, kw_only=True, tag="set_profile"):
    """Write a profile, with the keys of `[profiles.NAME]`."""

    name: str
    profile: Table


class RemoveProfile(ConfigurationChange, frozen=True, kw_only=True, tag="remove_profile"):
    """Take a profile away; one that is shipped under the same name counts again."""

    name: str


class AddBlock(ConfigurationChange, frozen=True, kw_only=True, tag="add_block"):
    """Add a block, with the keys of `[[blocks]]`, at a place counted from 0, or behind all."""

    block: Table
    place: int | None = None


class RemoveBlock(ConfigurationChange, frozen=True, kw_only=True, tag="remove_block"):
    """Take away the block at a place; where `block` is given, only if these keys of it say this."""

    place: int
    block: Table = {}


class AllowIds(ConfigurationChange, frozen=True, kw_only=True, tag="allow_ids"):
    """Match receipts of an operator in a further way that its traffic has proved: at least 20 agree, none contradicts.

    It goes into its profile, or into one of its own where other operators share that.
    """

    operator: str
    agree: int
    contradict: int = 0
    id_base: Literal["", "hex_to_decimal", "decimal_to_hex"] = ""
    id_ignores_case: bool = False
    id_ignores_zeros: bool = False


class SetSection(ConfigurationChange, frozen=True, kw_only=True, tag="set_section"):
    """Write a section, such as `networks`, `prices`, `tariffs`, `senders`, `blocks`, `opt_outs`, `loops` or `conf`."""

    section: str
    tables: list[Table] | Table


# -- what a node does at once ---------------------------------------------------------------------------------------


class ResetLink(msgspec.Struct, frozen=True, tag="reset_link"):
    """Unbind the links of an operator and bind them anew; `link` is its number, 0 for all."""

    operator: str
    link: int = 0


class DrainNode(msgspec.Struct, frozen=True, tag="drain_node"):
    """Have a node take no more work and leave, as `chappe drain` does, or start it again.

    `box` has the node, where several share a store; without it the only one that runs such a node is meant.
    """

    node: str
    resumes: bool = False
    box: str = ""


# -- two persons ----------------------------------------------------------------------------------------------------


class Approve(msgspec.Struct, frozen=True, tag="approve"):
    """Let an instruction go on that waits for a second person."""

    instruction: int


class Reject(msgspec.Struct, frozen=True, tag="reject"):
    """End an instruction that waits for a second person."""

    instruction: int
    reason: str = ""


Change = (
    ApplyConfiguration
    | Rollback
    | AddOperator
    | ChangeOperator
    | RemoveOperator
    | PauseOperator
    | ResumeOperator
    | AddClient
    | ChangeClient
    | RemoveClient
    | RotateClientSecret
    | SetRoutes
    | AddRoute
    | SetRoute
    | MoveRoute
    | RemoveRoute
    | SetProfile
    | RemoveProfile
    | AllowIds
    | AddBlock
    | RemoveBlock
    | SetSection
)
Instruction = (
    ResolveHeld
    | DropQueue
    | ReplayCallbacks
    | ReplayReceipts
    | EnableCallbacks
    | AddCredit
    | CancelMessage
    | AddOptOut
    | RemoveOptOut
    | SendTest
    | ResendMessage
    | SetDemoTraffic
    | ResetLink
    | DrainNode
    | Approve
    | Reject
    | Change
)

#: From the name of a kind to its struct.
KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Instruction)
}


def kind_of(instruction: Instruction) -> str:
    """The name of its kind."""
    return str(instruction.__struct_config__.tag)
