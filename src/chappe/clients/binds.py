"""Binds: which client a connection belongs to, and whether it may come in.  SMPP 3.4 §4.1."""

from collections.abc import Callable, Mapping

from chappe.clients.account import Account
from chappe.clients.passwords import Passwords, TooManyAttempts
from chappe.model.events import EventName
from chappe.net.smpp_peer import SmppPeer
from chappe.rules.certificates import stands_for
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.wire.smpp.constants import VERSION_3_4, VERSION_5_0
from chappe.wire.smpp.facts import BindRequest
from chappe.wire.smpp.framer import MAX_PDU_OCTETS
from chappe.wire.smpp.session import Timers
from chappe.wire.smpp.statuses import CommandStatus, status_name


class Binds:
    """Answers bind requests of the clients of this box."""

    def __init__(
        self,
        account_by_system_id: Mapping[str, Account],
        clock: Clock,
        notes: Notes,
        unbound: dict[SmppPeer, None],
        *,
        system_id: str,
        is_draining: Callable[[], bool],
        wake: Callable[[Account], None],
    ) -> None:
        """Who binds leaves `unbound`; `wake(account)` says that a client may be delivered to."""
        self._account_by_system_id = account_by_system_id
        self._clock = clock
        self._notes = notes
        self._unbound = unbound
        self._system_id = system_id
        self._is_draining = is_draining
        self._wake = wake
        self._passwords = Passwords()

    def close(self) -> None:
        """Check no more passwords."""
        self._passwords.close()

    async def bind(self, peer: SmppPeer, request: BindRequest) -> None:
        """Let a client in, or say why not."""
        pdu, number = request.pdu, request.sequence_number
        account = self._account_by_system_id.get(pdu.system_id)
        status = await self._judge(peer, account, pdu.system_id, pdu.password)
        if peer.is_lost:
            return
        if status or account is None:
            self._notes.add(
                EventName.BIND_REFUSED,
                client=account.name if account else "",
                detail=f"{peer.name} {pdu.system_id!r} {status_name(status)}",
            )
            peer.session.refuse_bind(number, status)
            peer.hand_on([])
            peer.close(f"bind refused with {status_name(status)}")
            return
        self._unbound.pop(peer, None)
        peer.owner = account
        account.peers.append(peer)
        if account.id_form == "short" or (account.may_shorten_ids and pdu.interface_version < VERSION_3_4):
            account.short_id_peers.add(peer)
        if pdu.interface_version >= VERSION_5_0:
            account.congestion_peers.add(peer)
        timers = Timers(enquire_link_s=account.enquire_link_s, response_s=account.response_s)
        peer.session.agree(self._clock.monotonic(), timers=timers, window_pdus=account.window)
        peer.session.lengthen(MAX_PDU_OCTETS)
        peer.session.accept_bind(number, system_id=self._system_id)
        peer.flush()
        self._notes.add(EventName.CLIENT_BOUND, client=account.name, detail=f"{peer.name} {type(pdu).__name__}")
        self._wake(account)

    async def _judge(self, peer: SmppPeer, account: Account | None, system_id: str, password: str) -> int:
        """The status that a bind deserves.  SMPP 3.4 §5.1.3."""
        if self._is_draining():
            return CommandStatus.ESME_RSYSERR
        if account is None or not account.is_enabled:
            return CommandStatus.ESME_RINVSYSID
        if not account.may_come_from(peer.address):
            return CommandStatus.ESME_RBINDFAIL
        if account.certificates and not stands_for(account.certificates, peer.certificate):
            return CommandStatus.ESME_RBINDFAIL
        if account.certificates and account.password is None and account.password_hash is None:
            # Its certificate is all that it has to show.
            return CommandStatus.ESME_ROK if len(account.peers) < account.max_binds else CommandStatus.ESME_RALYBND
        try:
            is_right = await self._passwords.is_right(
                password,
                plain=account.password,
                hashed=account.password_hash,
                is_md5=account.password_is_md5,
                who=(system_id, peer.address),
                now=self._clock.monotonic(),
            )
        except TooManyAttempts:
            return CommandStatus.ESME_RBINDFAIL
        if not is_right:
            return CommandStatus.ESME_RINVPASWD
        if len(account.peers) >= account.max_binds:
            return CommandStatus.ESME_RALYBND
        return CommandStatus.ESME_ROK
