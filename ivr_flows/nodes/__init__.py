"""The kinds of node, one file each.

To add one: copy the nearest, list it here, and give it its cases in tests/ivr_flows/nodes (what a table must
show: tests/ivr_flows/test_kinds.py).
"""

from ivr_flows.nodes.base import Node
from ivr_flows.nodes.branch import BranchNode
from ivr_flows.nodes.callback import CallbackNode
from ivr_flows.nodes.collect import CollectNode
from ivr_flows.nodes.customer import CustomerNode
from ivr_flows.nodes.goto import GotoNode
from ivr_flows.nodes.hangup import HangupNode
from ivr_flows.nodes.hours import HoursNode
from ivr_flows.nodes.http import HttpNode
from ivr_flows.nodes.language import LanguageNode
from ivr_flows.nodes.menu import MenuNode
from ivr_flows.nodes.play import PlayNode
from ivr_flows.nodes.queue import QueueNode
from ivr_flows.nodes.record import RecordNode
from ivr_flows.nodes.say import SayNode
from ivr_flows.nodes.set import SetNode
from ivr_flows.nodes.sms import SmsNode
from ivr_flows.nodes.split import SplitNode
from ivr_flows.nodes.subflow import ReturnNode, SubflowNode
from ivr_flows.nodes.survey import SurveyNode
from ivr_flows.nodes.transfer import TransferNode
from ivr_flows.nodes.verify import VerifyNode
from ivr_flows.nodes.voicemail import VoicemailNode
from ivr_flows.nodes.wait import WaitNode

_ALL: tuple[type[Node], ...] = (
    SayNode,
    PlayNode,
    MenuNode,
    CollectNode,
    RecordNode,
    HoursNode,
    BranchNode,
    SplitNode,
    SetNode,
    LanguageNode,
    WaitNode,
    GotoNode,
    SubflowNode,
    ReturnNode,
    VerifyNode,
    SurveyNode,
    QueueNode,
    VoicemailNode,
    TransferNode,
    SmsNode,
    CallbackNode,
    HttpNode,
    CustomerNode,
    HangupNode,
)
KINDS: dict[str, type[Node]] = {kind.model_fields["kind"].default: kind for kind in _ALL}

__all__ = ["KINDS", "Node"]
