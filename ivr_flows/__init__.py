"""The flow engine: what a caller hears and where the call goes, from reviewed YAML files. Plain Python: no web,
database or carrier.

flow = store.get("main"); step = start(flow, CallContext(...)); later resume(store.get(state.flow, state.version),
state, event).
"""

from ivr_flows.engine import FlowLookup, Step, repeat, resume, start
from ivr_flows.entry_points import EntryPoint, EntryPoints, load_entry_points, load_entry_points_file
from ivr_flows.events import CallEvent, event_from_json, event_to_json
from ivr_flows.facts import Fact, fact_from_json, fact_to_json
from ivr_flows.faults import Fault, FlowError
from ivr_flows.instructions import Instruction, instructions_from_json, instructions_to_json
from ivr_flows.lint import Known
from ivr_flows.loader import load_flow, load_flow_file, version_of
from ivr_flows.schema import Flow, flow_json_schema
from ivr_flows.state import CallContext, PathStep, State, path_line
from ivr_flows.store import FlowStore, FolderArchive, MemoryArchive, VersionArchive

__all__ = [
    "CallContext",
    "CallEvent",
    "EntryPoint",
    "EntryPoints",
    "Fact",
    "Fault",
    "Flow",
    "FlowError",
    "FlowLookup",
    "FlowStore",
    "FolderArchive",
    "Instruction",
    "Known",
    "MemoryArchive",
    "PathStep",
    "State",
    "Step",
    "VersionArchive",
    "event_from_json",
    "event_to_json",
    "fact_from_json",
    "fact_to_json",
    "flow_json_schema",
    "instructions_from_json",
    "instructions_to_json",
    "load_entry_points",
    "load_entry_points_file",
    "load_flow",
    "load_flow_file",
    "path_line",
    "repeat",
    "resume",
    "start",
    "version_of",
]
