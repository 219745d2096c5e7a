"""What the fields alone cannot show: faults of the whole graph. Errors stop a flow from going live, warnings do not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from socket import inet_aton
from typing import Any
from urllib.parse import urlsplit

import phonenumbers

from ivr_flows.expressions import CLOCK_NAMES, names_used, variables_used
from ivr_flows.faults import Severity, nearest, short
from ivr_flows.nodes import Node
from ivr_flows.nodes.base import FieldPath, pieces
from ivr_flows.nodes.hangup import HangupNode
from ivr_flows.nodes.http import HttpNode, Secret
from ivr_flows.nodes.language import LanguageNode
from ivr_flows.nodes.menu import MenuNode
from ivr_flows.nodes.play import PlayNode
from ivr_flows.nodes.say import SayNode
from ivr_flows.nodes.survey import SurveyNode
from ivr_flows.said import Said, said
from ivr_flows.schema import FlowHeader
from ivr_flows.spoken import words_of
from ivr_flows.texts import Audio, Condition, PromptText, SpokenPart, Target, Template, Text, Words

MAX_CHOICES_TO_BEAR = 5
MAX_CHARS_TO_BEAR = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: `node` "" is the flow's own head; `field` is the path inside it."""

    node: str
    field: FieldPath
    message: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Known:
    """What exists around the flow: keys of queues, names of flows, our own numbers (E.164), and hosts of the own
    network that look-ups may ask.

    None: not known here, so not checked (hosts: then only warned of).
    """

    queues: Collection[str] | None = None
    flows: Collection[str] | None = None
    numbers: Collection[str] | None = None
    hosts: Collection[str] | None = None


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Graph:
    """A flow whose fields are right, before its whole is; `unread` are the ids of nodes whose fields are not."""

    header: FlowHeader
    nodes: Mapping[str, Node]
    known: Known
    unread: Collection[str] = frozenset()

    @property
    def ids(self) -> Collection[str]:
        """Every node's id, also of those that could not be read."""
        return {*self.nodes, *self.unread}

    @cached_property
    def pieces(self) -> list[tuple[Node, FieldPath, object]]:
        """Every value of every node with the path of its field."""
        return [(node, path, value) for node in self.nodes.values() for path, value in pieces(node)]

    @cached_property
    def targets(self) -> Mapping[str, set[str]]:
        """Where a call can go from each node; the fallback stands for every way left open."""
        return {
            node.id: {way.to or self.header.fallback for way in node.ways()} & self.nodes.keys()
            for node in self.nodes.values()
        }

    @cached_property
    def people(self) -> set[str]:
        """Where a caller gets to a person or can leave a message."""
        return {node.id for node in self.nodes.values() if node.reaches_person}

    @cached_property
    def ends(self) -> set[str]:
        """Where the call gets somewhere: to a person, to another flow, or to its end."""
        return {node.id for node in self.nodes.values() if node.reaches_person or _leaves(node) or not any(node.ways())}


def lint(
    header: FlowHeader, nodes: Mapping[str, Node], known: Known = NOTHING_KNOWN, unread: Collection[str] = frozenset()
) -> list[Finding]:
    """Everything found, errors and warnings, by rule.

    `unread` are the ids of nodes that are there but cannot be read. With any of these, or with a way that leads
    nowhere, nothing is said about the whole: it would tell of one mistake in several places.
    """
    graph = Graph(header, nodes, known, unread)
    lost = list(targets_exist(graph))
    rules = RULES_OF_FIELDS if lost or unread else (*RULES_OF_FIELDS, *RULES_OF_THE_WHOLE)
    return lost + [finding for rule in rules for finding in rule(graph)]


def targets_exist(graph: Graph) -> Iterator[Finding]:
    for name in ("start", "fallback"):
        target: str = getattr(graph.header, name)
        if target not in graph.ids:
            yield Finding(
                "",
                (name,),
                said("there is no node '{name}'{hint}", name=short(target), hint=nearest(target, graph.ids)),
            )
    ids = graph.ids
    for node, path, value in graph.pieces:
        if isinstance(value, Target) and value not in ids:
            yield Finding(
                node.id, path, said("there is no node '{name}'{hint}", name=short(value), hint=nearest(value, ids))
            )


def fallback_is_a_person(graph: Graph) -> Iterator[Finding]:
    node = graph.nodes.get(graph.header.fallback)
    if node is not None and not node.reaches_person:
        yield Finding(
            "",
            ("fallback",),
            said("must be a queue, a voicemail, or a transfer to a number or an agent: here callers reach a person"),
        )


def questions_lead_to_a_person(graph: Graph) -> Iterator[Finding]:
    reaching = _reaching(graph.targets, graph.people)
    for node in graph.nodes.values():
        if node.is_question and node.id not in reaching:
            yield Finding(
                node.id,
                (),
                said("no way leads from here to a person or a message; add one, or leave out 'person: null'"),
            )


def languages_are_complete(graph: Graph) -> Iterator[Finding]:
    languages = graph.header.languages
    for node, path, value in graph.pieces:
        for text in _texts(value):
            yield from _missing_languages(node, path, text, languages)
        if isinstance(value, PromptText | Text | Words):
            yield from _unknown_languages(node, path, value, languages)


def _texts(value: object) -> Iterable[Text]:
    """The texts that callers hear in this field, in whatever language."""
    if isinstance(value, PromptText):
        return value.texts()
    return [value] if isinstance(value, Text) else []


def _missing_languages(node: Node, path: FieldPath, text: Text, languages: tuple[str, ...]) -> Iterator[Finding]:
    missing = [language for language in languages if not text.is_in(language)]
    if "" not in text.by_language:
        if missing:
            yield Finding(node.id, path, said("has no text in: {names}", names=", ".join(missing)))
    elif len(languages) > 1 and _needs_translation(node, path, text):
        yield Finding(
            node.id,
            path,
            said("is in one language only; give one text for each of: {names}", names=", ".join(languages)),
        )


def _needs_translation(node: Node, path: FieldPath, text: Text) -> bool:
    """Music, the values of variables and the names of agents are the same in every language; so is a lone variable."""
    if isinstance(text, Audio) or path[0] in node.unheard:
        return False
    return any(map(str.isalpha, _without_templates(text.by_language[""])))


def _unknown_languages(
    node: Node, path: FieldPath, value: PromptText | Text | Words, languages: tuple[str, ...]
) -> Iterator[Finding]:
    groups = [text.by_language for text in value.texts()] if isinstance(value, PromptText) else [value.by_language]
    for tag in sorted({tag for group in groups for tag in group if tag} - set(languages)):
        yield Finding(
            node.id,
            path,
            said(
                "has a text in '{tag}', which is none of the flow's languages: {names}",
                tag=tag,
                names=", ".join(languages),
            ),
        )


def shared_prompts_are_complete(graph: Graph) -> Iterator[Finding]:
    """Told once, where the prompt stands, whatever number of nodes use it."""
    stand_in = SayNode.model_construct(id="")
    for name, prompt in graph.header.prompts.items():
        at: FieldPath = ("prompts", name)
        for text in prompt.texts():
            yield from _missing_languages(stand_in, at, text, graph.header.languages)
        if _spoken_chars(prompt, graph.header.languages) > MAX_CHARS_TO_BEAR:
            what = said(
                "is longer than {most} characters: callers stop listening",
                most=MAX_CHARS_TO_BEAR,
            )
            yield Finding("", at, what, "warning")


def shared_pieces_exist(graph: Graph) -> Iterator[Finding]:
    prompts, hours = graph.header.prompts, graph.header.hours
    for node, path, value in graph.pieces:
        for name in value.shared() if isinstance(value, PromptText) else ():
            if name not in prompts:
                yield Finding(
                    node.id,
                    path,
                    said("there is no shared prompt '{name}'{hint}", name=short(name), hint=nearest(name, prompts)),
                )
        if node.kind == "hours" and path == ("use",) and value is not None and value not in hours:
            yield Finding(
                node.id,
                path,
                said("there are no shared hours '{name}'{hint}", name=short(value), hint=nearest(str(value), hours)),
            )


def languages_are_the_flows(graph: Graph) -> Iterator[Finding]:
    known = graph.header.languages
    for node, path, value in graph.pieces:
        if path[-1] == "language" and _is_own_field(path) and isinstance(value, str) and value not in known:
            yield Finding(
                node.id,
                path,
                said("'{value}' is none of the flow's languages: {names}", value=value, names=", ".join(known)),
            )


def choices_differ(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes.values():
        for path, choices in _choices_of(node):
            yield from _keys_used_twice(node, path, choices)
            yield from _phrases_used_twice(node, path, choices)


def _choices_of(node: Node) -> Iterator[tuple[FieldPath, Sequence[Any]]]:
    """What a caller may choose from at once: the choices of a menu, of a language, of each question of a survey."""
    if isinstance(node, MenuNode | LanguageNode):
        yield ("choices",), node.choices
    if isinstance(node, SurveyNode):
        for index, question in enumerate(node.questions):
            yield ("questions", index, "choices"), question.choices


def _keys_used_twice(node: Node, path: FieldPath, choices: Sequence[Any]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, choice in enumerate(choices):
        if choice.key is None and choice.words is None:
            yield Finding(node.id, (*path, index), said("has neither a key nor words: nobody can choose it"))
        if choice.key is None:
            continue
        if choice.key in seen:
            taken = said(
                "the key {key} is taken by choice {number} already", key=choice.key, number=seen[choice.key] + 1
            )
            yield Finding(node.id, (*path, index, "key"), taken)
        seen.setdefault(choice.key, index)


def _phrases_used_twice(node: Node, path: FieldPath, choices: Sequence[Any]) -> Iterator[Finding]:
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for index, choice in enumerate(choices):
        for language, phrases in (choice.words.by_language if choice.words else {}).items():
            for phrase in phrases:
                first = seen.setdefault((language, words_of(phrase)), index)
                if first != index:
                    told = said(
                        "“{phrase}” is said for choice {number} already", phrase=short(phrase), number=first + 1
                    )
                    yield Finding(node.id, (*path, index, "words"), told)


def choices_can_be_said_in_every_language(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes.values():
        if not isinstance(node, MenuNode):
            continue
        for index, choice in enumerate(node.choices):
            missing = [tag for tag in graph.header.languages if choice.words and not choice.words.in_language(tag)]
            if missing:
                yield Finding(
                    node.id,
                    ("choices", index, "words"),
                    said("has no words in: {names}", names=", ".join(missing)),
                    "warning",
                )


def names_are_known(graph: Graph) -> Iterator[Finding]:
    known = graph.known
    things = {
        "queue": ("queue", known.queues),
        "mailbox": ("queue", known.queues),
        "flow": ("flow", known.flows),
        "wait_flow": ("flow", known.flows),
    }
    for node, path, value in graph.pieces:
        what, names = things.get(str(path[-1]), ("", None)) if _is_own_field(path) else ("", None)
        if names is not None and isinstance(value, str) and value not in names:
            yield Finding(node.id, path, _no_such(what, short(value), nearest(value, names)))


def _no_such(what: str, value: str, hint: str) -> Said:
    if what == "queue":
        return said("there is no queue '{name}'{hint}", name=value, hint=hint)
    return said("there is no flow '{name}'{hint}", name=value, hint=hint)


def _is_own_field(path: FieldPath) -> bool:
    """A field of the node or of one of its parts, not a key that the author made up."""
    return len(path) == 1 or isinstance(path[-2], int)


def numbers_can_be_called(graph: Graph) -> Iterator[Finding]:
    for node, path, value in graph.pieces:
        if path[-1] != "number" or not isinstance(value, str):
            continue
        if not _is_possible(value):
            yield Finding(node.id, path, said("'{value}' has too few or too many digits for its country", value=value))
        elif value in (graph.known.numbers or ()):
            yield Finding(
                node.id,
                path,
                said("{value} is a number of our own: the call would come back here", value=value),
                "warning",
            )


def _is_possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def silent_loops(graph: Graph) -> Iterator[Finding]:
    """A ring of nodes none of which waits would talk at the caller until the step limit."""
    waiting = {node.id for node in graph.nodes.values() if node.may_stop}
    left = {id_: targets - waiting for id_, targets in graph.targets.items() if id_ not in waiting}
    while ends := [id_ for id_, targets in left.items() if not targets & left.keys()]:
        for id_ in ends:
            del left[id_]
    ring = [id_ for id_ in left if id_ in _reachable(left[id_], lambda other: left.get(other, set()))]
    if ring:
        yield Finding(
            ring[0],
            (),
            said("goes round in a ring that never asks the caller anything: {names}", names=", ".join(ring[:10])),
        )


def nodes_are_reachable(graph: Graph) -> Iterator[Finding]:
    reached = _reachable({graph.header.start, graph.header.fallback} & graph.nodes.keys(), graph.targets.__getitem__)
    for id_ in graph.nodes:
        if id_ not in reached:
            yield Finding(id_, (), said("no way leads here"), "warning")


def addresses_may_be_asked(graph: Graph) -> Iterator[Finding]:
    """A look-up must not be a door into the own network; the client refuses it too, but on the day of the call."""
    allowed = graph.known.hosts
    for node in graph.nodes.values():
        if not isinstance(node, HttpNode) or _is_named(node.url, allowed or ()):
            continue
        host = _host_of(node.url)
        if _is_at_home(host):
            yield Finding(
                node.id,
                ("url",),
                said(
                    "'{host}' is on the own network: look-ups go there only if HTTP_ALLOW_HOSTS names it",
                    host=short(host),
                ),
                "warning" if allowed is None else "error",
            )
        elif allowed is not None and _has_secrets(node):
            yield Finding(
                node.id,
                ("headers",),
                said(
                    "secrets go only to hosts that HTTP_ALLOW_HOSTS names, and it does not name '{host}'",
                    host=short(host),
                ),
                "warning",
            )


def secrets_are_not_sent_openly(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes.values():
        if isinstance(node, HttpNode) and _has_secrets(node) and node.url.lower().startswith("http:"):
            yield Finding(
                node.id, ("url",), said("sends a secret that everybody on the way can read: use https"), "warning"
            )


def _has_secrets(node: HttpNode) -> bool:
    return any(isinstance(value, Secret) for value in node.headers.values())


def _is_named(url: str, allowed: Collection[str]) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    return bool({_host_of(url), f"{_host_of(url)}:{port}"} & set(allowed))


def _host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _is_at_home(host: str) -> bool:
    """Whether this is this machine or a private address, however it is written (2130706433 is 127.0.0.1)."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        pass
    try:
        return not ip_address(inet_aton(host)).is_global
    except OSError:
        return False


def somebody_can_be_reached(graph: Graph) -> Iterator[Finding]:
    start = graph.header.start
    if start not in graph.nodes:
        return
    reached = _reachable({start}, graph.targets.__getitem__)
    if not any(node.reaches_person or _leaves(node) for node in map(graph.nodes.__getitem__, reached)):
        yield Finding("", ("start",), said("no way leads from here to a person or a message"), "warning")


def menus_say_where_silence_leads(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes.values():
        if not isinstance(node, MenuNode):
            continue
        missing = [name for name in ("no_input", "no_match") if getattr(node, name) is None]
        if missing:
            yield Finding(
                node.id,
                (),
                said(
                    "leaves out {names}: such callers go to the fallback, {fallback}",
                    names=_both(missing),
                    fallback=graph.header.fallback,
                ),
                "warning",
            )


def _both(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else said("{one} and {other}", one=names[0], other=names[1])


def nobody_is_asked_for_ever(graph: Graph) -> Iterator[Finding]:
    """A caller who stays silent, or is never understood, must get somewhere in the end."""
    ways = {
        "no_input": said("a caller who says nothing comes back here again and again"),
        "no_match": said("a caller who is not understood comes back here again and again"),
    }
    for name, told in ways.items():
        targets = {id_: _after_giving_up(graph, id_, name) for id_ in graph.nodes}
        reaching = _reaching(targets, graph.ends)
        for node in graph.nodes.values():
            if (
                node.is_question
                and node.id not in reaching
                and node.id in _reachable(targets[node.id], targets.__getitem__)
            ):
                yield Finding(node.id, (name,), told, "warning")


def _after_giving_up(graph: Graph, id_: str, name: str) -> set[str]:
    """Where a call goes when the caller never answers; from a node that asks nothing it goes as always."""
    node = graph.nodes[id_]
    given_up = next((way for way in node.ways() if way.field == (name,)), None) if node.is_question else None
    if given_up is None:
        return graph.targets[id_]
    return {given_up.to or graph.header.fallback} & graph.nodes.keys()


def nobody_is_cut_off(graph: Graph) -> Iterator[Finding]:
    """A call that ends without a word feels like a fault of the line."""
    before: dict[str, set[str]] = {}
    for id_, targets in graph.targets.items():
        for target in targets:
            before.setdefault(target, set()).add(id_)
    for node in graph.nodes.values():
        if isinstance(node, HangupNode) and node.say is None and _comes_in_silence(graph, node.id, before):
            yield Finding(
                node.id, (), said("dead end: ends the call without a word; give it something to say"), "warning"
            )


def _comes_in_silence(graph: Graph, id_: str, before: Mapping[str, set[str]]) -> bool:
    """Whether the caller can get to this node without having been told anything since the last answer."""
    met = _reachable({id_}, lambda at: () if _speaks(graph.nodes[at]) else before.get(at, set()))
    quiet = {at for at in met if not _speaks(graph.nodes[at])}
    return graph.header.start in quiet or any(graph.nodes[at].is_question for at in quiet)


def _speaks(node: Node) -> bool:
    """Whether the caller hears something here after which nothing more is expected."""
    return isinstance(node, SayNode | PlayNode) or getattr(node, "thanks", None) is not None


def variables_are_set(graph: Graph) -> Iterator[Finding]:
    known = {name for node in graph.nodes.values() for name in node.sets()}
    for node, path, value in graph.pieces:
        for name in sorted(set().union(*map(variables_used, _sources(value))) - known):
            yield Finding(
                node.id,
                path,
                said(
                    "uses the variable '{name}', which this flow never sets{hint}",
                    name=short(name),
                    hint=nearest(name, known),
                ),
                "warning",
            )


def the_clock_is_read_right(graph: Graph) -> Iterator[Finding]:
    for node, path, value in graph.pieces:
        for name in sorted(set().union(*(names_used(source, "now") for source in _sources(value))) - CLOCK_NAMES):
            yield Finding(
                node.id, path, said("now has no '{name}'{hint}", name=short(name), hint=nearest(name, CLOCK_NAMES))
            )


def menus_are_short(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes.values():
        for path, choices in _choices_of(node):
            if len(choices) > MAX_CHOICES_TO_BEAR:
                many = said(
                    "has {count} choices; callers remember {most} at most",
                    count=len(choices),
                    most=MAX_CHOICES_TO_BEAR,
                )
                yield Finding(node.id, path, many, "warning")


def prompts_are_short(graph: Graph) -> Iterator[Finding]:
    for node, path, value in graph.pieces:
        if isinstance(value, PromptText) and _spoken_chars(value, graph.header.languages) > MAX_CHARS_TO_BEAR:
            yield Finding(
                node.id,
                path,
                said(
                    "is longer than {most} characters: callers stop listening",
                    most=MAX_CHARS_TO_BEAR,
                ),
                "warning",
            )


def _spoken_chars(prompt: PromptText, languages: tuple[str, ...]) -> int:
    """How much one caller hears, in the language that says it longest."""
    spoken = [part.text for part in prompt.parts if isinstance(part, SpokenPart)]
    return max(sum(len(text.in_language(language, languages[0])) for text in spoken) for language in languages)


Rule = Callable[[Graph], Iterator[Finding]]
RULES_OF_FIELDS: tuple[Rule, ...] = (
    fallback_is_a_person,
    languages_are_complete,
    languages_are_the_flows,
    shared_pieces_exist,
    shared_prompts_are_complete,
    choices_differ,
    choices_can_be_said_in_every_language,
    names_are_known,
    numbers_can_be_called,
    addresses_may_be_asked,
    secrets_are_not_sent_openly,
    the_clock_is_read_right,
    menus_are_short,
    menus_say_where_silence_leads,
    prompts_are_short,
)
RULES_OF_THE_WHOLE: tuple[Rule, ...] = (
    questions_lead_to_a_person,
    silent_loops,
    nodes_are_reachable,
    somebody_can_be_reached,
    nobody_is_asked_for_ever,
    nobody_is_cut_off,
    variables_are_set,
)


def _sources(value: object) -> list[str]:
    match value:
        case PromptText():
            return [source for text in value.texts() for source in text.by_language.values()]
        case Text():
            return list(value.by_language.values())
        case Condition() | Template():
            return [value]
        case _:
            return []


def _without_templates(text: str) -> str:
    return "".join(part.split("}}")[-1] for part in text.split("{{")) if "{{" in text else text


def _reachable(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = deque(start)
    while waiting:
        id_ = waiting.popleft()
        if id_ not in reached:
            reached.add(id_)
            waiting.extend(following(id_))
    return reached


def _reaching(targets: Mapping[str, Iterable[str]], goals: set[str]) -> set[str]:
    """Every node from which one of the goals can be reached, the goals included."""
    before: dict[str, set[str]] = {}
    for id_, following in targets.items():
        for target in following:
            before.setdefault(target, set()).add(id_)
    return _reachable(goals, lambda id_: before.get(id_, set()))


def _leaves(node: Node) -> bool:
    """Whether the call goes on in another flow from here, or back in the one that called this."""
    return node.kind == "return" or getattr(node, "flow", None) is not None
