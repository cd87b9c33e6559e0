"""Every PDU of SMPP 3.3, 3.4 and 5.0, each declared once: `from chappe.wire.smpp.pdus import SubmitSm`."""

from chappe.wire.smpp.constants import CommandId
from chappe.wire.smpp.pdus.broadcasts import (
    BroadcastSm,
    BroadcastSmResp,
    CancelBroadcastSm,
    CancelBroadcastSmResp,
    QueryBroadcastSm,
    QueryBroadcastSmResp,
)
from chappe.wire.smpp.pdus.messages import (
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
)
from chappe.wire.smpp.pdus.queries import (
    AlertNotification,
    CancelSm,
    CancelSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
)
from chappe.wire.smpp.pdus.sessions import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Unbind,
    UnbindResp,
)
from chappe.wire.smpp.pdus.version_3_3 import (
    LastMessage,
    ParamRetrieve,
    ParamRetrieveResp,
    QueryLastMsgs,
    QueryLastMsgsResp,
    QueryMsgDetails,
    QueryMsgDetailsResp,
)

Bind = BindReceiver | BindTransmitter | BindTransceiver
BindResp = BindReceiverResp | BindTransmitterResp | BindTransceiverResp

Pdu = (
    Bind
    | BindResp
    | Outbind
    | Unbind
    | UnbindResp
    | EnquireLink
    | EnquireLinkResp
    | GenericNack
    | SubmitSm
    | SubmitSmResp
    | DeliverSm
    | DeliverSmResp
    | SubmitMulti
    | SubmitMultiResp
    | DataSm
    | DataSmResp
    | QuerySm
    | QuerySmResp
    | CancelSm
    | CancelSmResp
    | ReplaceSm
    | ReplaceSmResp
    | AlertNotification
    | BroadcastSm
    | BroadcastSmResp
    | QueryBroadcastSm
    | QueryBroadcastSmResp
    | CancelBroadcastSm
    | CancelBroadcastSmResp
    | ParamRetrieve
    | ParamRetrieveResp
    | QueryLastMsgs
    | QueryLastMsgsResp
    | QueryMsgDetails
    | QueryMsgDetailsResp
)

__all__ = [
    "AlertNotification",
    "Bind",
    "BindReceiver",
    "BindReceiverResp",
    "BindResp",
    "BindTransceiver",
    "BindTransceiverResp",
    "BindTransmitter",
    "BindTransmitterResp",
    "BroadcastSm",
    "BroadcastSmResp",
    "CancelBroadcastSm",
    "CancelBroadcastSmResp",
    "CancelSm",
    "CancelSmResp",
    "CommandId",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "DistributionList",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "LastMessage",
    "Outbind",
    "ParamRetrieve",
    "ParamRetrieveResp",
    "Pdu",
    "QueryBroadcastSm",
    "QueryBroadcastSmResp",
    "QueryLastMsgs",
    "QueryLastMsgsResp",
    "QueryMsgDetails",
    "QueryMsgDetailsResp",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "SmeAddress",
    "SubmitMulti",
    "SubmitMultiResp",
    "SubmitSm",
    "SubmitSmResp",
    "Unbind",
    "UnbindResp",
    "UnsuccessSme",
]
