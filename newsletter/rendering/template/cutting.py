"""Cuts a template into parts, and reads from Jinja's own syntax tree what each depends on.

Templates are written as pages with loops over papers; nothing in them is made for this. One that cannot be cut is rendered as a
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

from newsletter.rendering.template.mjml import MAX_INCLUDE_DEPTH
from newsletter.rendering.template.parts import (
    OF_DIGEST,
    OF_ISSUE,
    OF_SHAPE,
    ROWS,
    SHAPE,
    VALUES,
    VIEW,
    Branch,
    IndivisibleError,
    Loop,
    Part,
    Parts,
    Step,
)
from newsletter.rendering.template.tags import at_tags, tag_state

#: A field of papers that is another where the paper is not; and what stands for all of them.
_PLACE, _ALL = "place", "*"
#: Functions of Jinja's that give the same for the same.
_WORDS = frozenset({"_", "gettext", "ngettext", "pgettext", "npgettext"})
_PURE = frozenset({"range", "dict"}) | _WORDS
_NEVER = (
    *(nodes.Macro, nodes.CallBlock, nodes.Block, nodes.Extends, nodes.Import, nodes.FromImport),
    *(nodes.NSRef, nodes.AssignBlock),
)
#: A text that is the same for all and this short is repeated rather than kept apart.
_SHORT = 300


def cut(source: str, name: str, environment: jinja2.Environment, read: Callable[[str], str]) -> Parts:
    """Cut a template.

    Args:
        source: its text.
        name: of its file; ``….txt`` is plain text, else it is HTML, and no part begins or ends within a tag or a style sheet.
        environment: of the template.
        read: returns the text of what it includes, by name.

    Raises:
        IndivisibleError: it cannot be cut.
        jinja2.TemplateError: it is wrong.
    """
    is_html = not name.endswith(".txt")
    tree = _Inliner(environment, read).visit(environment.parse(source))
    for node in tree.find_all((*_NEVER, nodes.Filter)):
        if not isinstance(node, nodes.Filter) or node.name == "random":
            raise IndivisibleError(f"has a {type(node).__name__.lower()}")
    for used in tree.find_all(nodes.Name):
        if used.name in environment.globals and used.name not in _PURE:
            raise IndivisibleError(f"uses {used.name}")
    cutter = _Cutter(environment, is_html=is_html)
    drafts = cutter.steps(tree.body, {}, "")
    blocks: list[nodes.Node] = []
    steps = tuple(_finish(drafts, blocks))
    whole = nodes.Template(blocks, lineno=1)
    whole.set_environment(environment)
    # Without a name, as the whole page has none, values are escaped.
    code = environment.compile(whole, None if is_html else name)
    return Parts(name, environment.template_class.from_code(environment, code, environment.make_globals(None)), steps)


class _Inliner(NodeTransformer):
    """Puts what is included in the place of its include."""

    def __init__(self, environment: jinja2.Environment, read: Callable[[str], str], depth: int = 0) -> None:
        self._environment = environment
        self._read = read
        self._depth = depth

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        if not isinstance(node.template, nodes.Const) or node.ignore_missing or not node.with_context:
            raise IndivisibleError("includes in a way that is only known later")
        if self._depth > MAX_INCLUDE_DEPTH:
            raise IndivisibleError("includes too deep")
        tree = self._environment.parse(self._read(str(node.template.value)))
        inner = _Inliner(self._environment, self._read, self._depth + 1).visit(tree)
        scope = nodes.Scope(inner.body, lineno=node.lineno)
        scope.set_environment(self._environment)
        return scope


@dataclass(slots=True)
class _Draft:
    nodes: list[nodes.Node]
    needs: set[str] = field(default_factory=set)
    of_paper: set[str] = field(default_factory=set)

    def add(self, other: _Draft) -> None:
        self.nodes += other.nodes
        self.needs |= other.needs
        self.of_paper |= other.of_paper

    @property
    def is_short_constant(self) -> bool:
        data = [node.data for each in self.nodes for node in each.find_all(nodes.TemplateData)]
        return not self.needs and not self.of_paper and sum(map(len, data)) <= _SHORT


@dataclass(slots=True)
class _LoopDraft:
    over: str
    target: str
    body: list[_Draft]


@dataclass(slots=True)
class _BranchDraft:
    test: _Draft
    yes: list[_AnyDraft]
    no: list[_AnyDraft]


_AnyDraft = _Draft | _LoopDraft | _BranchDraft


class _Cutter:
    """Walks a template from top to end and knows whether it is within a tag."""

    def __init__(self, environment: jinja2.Environment, *, is_html: bool) -> None:
        self._environment = environment
        self._is_html = is_html
        self._state = ""

    def steps(self, body: Iterable[nodes.Node], bound: dict[str, _Draft], paper: str) -> list[_AnyDraft]:
        """Return the drafts of ``body``.

        Args:
            body: nodes side by side.
            bound: what was ``set`` before, by name; added to.
            paper: name of the paper, in the body of a loop over papers; else ``""``.
        """
        found: list[_AnyDraft] = []
        for node in self._apart(body):
            before = self._state
            if isinstance(node, nodes.Assign):
                if not isinstance(node.target, nodes.Name) or node.target.name in {VIEW, VALUES, paper}:
                    raise IndivisibleError("sets more than a name of its own")
                bound[node.target.name] = self._draft([node], bound, paper)
                continue
            if isinstance(node, nodes.Scope):
                inner = self.steps(node.body, dict(bound), paper)
                drafts: list[_AnyDraft] = inner
            elif isinstance(node, nodes.For) and not paper and (over := _row_of(node.iter)):
                drafts = [self._loop(node, over, bound)]
            elif isinstance(node, nodes.If) and not paper and any(_row_of(each.iter) for each in node.find_all(nodes.For)):
                drafts = [self._branch(node, bound)]
            else:
                if isinstance(node, nodes.If) and node.find(nodes.Assign):
                    raise IndivisibleError("sets a name in an if")
                drafts = [self._draft([node], bound, paper)]
                self._state = self._after([node], before)
            _append(found, drafts, is_within_tag=bool(before))
        return _joined_up(found, is_loop=bool(paper))

    def _loop(self, node: nodes.For, over: str, bound: dict[str, _Draft]) -> _LoopDraft:
        if node.else_ or node.test or node.recursive or not isinstance(node.target, nodes.Name) or self._state:
            raise IndivisibleError("loops over papers with conditions")
        target = node.target.name
        if target in {VIEW, VALUES}:
            raise IndivisibleError("calls a paper by another name's name")
        outside = {name: draft for name, draft in bound.items() if name != target}
        body = self.steps(node.body, outside, target)
        drafts = [draft for draft in body if isinstance(draft, _Draft)]
        if len(drafts) < len(body) or any(draft.needs for draft in drafts) or self._state:
            raise IndivisibleError("looks beyond the paper within a loop")
        return _LoopDraft(over, target, drafts)

    def _branch(self, node: nodes.If, bound: dict[str, _Draft]) -> _BranchDraft:
        if node.find(nodes.Assign) or self._state:
            raise IndivisibleError("sets a name in an if")
        answer = nodes.If(node.test, [nodes.Output([nodes.TemplateData("1")])], [], [], lineno=node.lineno)
        answer.set_lineno(node.lineno, override=False).set_environment(self._environment)
        test = self._draft([answer], bound, "")
        if test.needs - {SHAPE}:
            raise IndivisibleError("loops over papers on a condition")
        yes = self.steps(node.body, dict(bound), "")
        other = node.elif_[0] if node.elif_ else None
        if other is not None:
            other = nodes.If(other.test, other.body, node.elif_[1:], node.else_, lineno=other.lineno)
            other.set_environment(self._environment)
        if self._state:
            raise IndivisibleError("ends within a tag")
        no = self.steps(node.else_ if other is None else [other], dict(bound), "")
        if self._state:
            raise IndivisibleError("ends within a tag")
        return _BranchDraft(test, yes, no)

    def _draft(self, own: list[nodes.Node], bound: Mapping[str, _Draft], paper: str) -> _Draft:
        """Return a draft of nodes that stay together, with what they depend on."""
        tree = nodes.Template(list(own), lineno=1)
        tree.set_environment(self._environment)
        draft = _Draft([])
        names = list(tree.find_all(nodes.Name))
        is_simple = all(name.ctx == "load" for name in names)
        # To ask Jinja takes long, as it compiles the nodes; most set no name.
        outside = {name.name for name in names} if is_simple else meta.find_undeclared_variables(tree)
        for name in sorted(outside):
            if name == VIEW:
                draft.needs |= {need for node in own for need in _needs(node)}
            elif name == paper:
                draft.of_paper |= {attribute for node in own for attribute in _fields(node, paper)}
            elif name in bound:
                draft.add(bound[name])
            elif name != VALUES and name not in _WORDS:
                raise IndivisibleError(f"uses {name}")
        if any(name.name in {VIEW, VALUES, paper} and name.ctx != "load" for name in names):
            raise IndivisibleError("gives a name another meaning")
        draft.nodes += own
        return draft

    def _apart(self, body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
        """Yield nodes with each of what is put out by itself; tags apart from the text around them."""
        for node in body:
            if not isinstance(node, nodes.Output):
                yield node
                continue
            for each in node.nodes:
                alone = [each]
                if self._is_html and isinstance(each, nodes.TemplateData):
                    alone = [nodes.TemplateData(data) for data in at_tags(each.data, self._state)]
                for one in alone:
                    output = nodes.Output([one], lineno=node.lineno)
                    output.set_environment(self._environment)
                    yield output

    def _after(self, body: Iterable[nodes.Node], state: str) -> str:
        """Return where the HTML stands after ``body``, which every way through it must leave alike."""
        if not self._is_html:
            return ""
        for node in body:
            if isinstance(node, nodes.TemplateData):
                state = tag_state(node.data, state)
            elif isinstance(node, nodes.Output):
                state = self._after(node.nodes, state)
            elif isinstance(node, nodes.If):
                ways = [node.body, *(other.body for other in node.elif_), node.else_]
                ends = {self._after(way, state) for way in ways}
                if len(ends) > 1:
                    raise IndivisibleError("ends within a tag on a condition")
                (state,) = ends
            elif isinstance(node, nodes.Stmt):
                inner = [*getattr(node, "body", ()), *(getattr(node, "else_", None) or ())]
                if self._after(inner, state) != state:
                    raise IndivisibleError("ends within a tag in a loop")
        return state


def _row_of(node: nodes.Node) -> str:
    """Return the field of papers in a row that an expression is; ``""`` if it is none."""
    return node.attr if isinstance(node, nodes.Getattr) and _is_field(node) and node.attr in ROWS else ""


def _is_field(node: nodes.Node, of: str = VIEW) -> bool:
    return isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == of


def _fields(node: nodes.Node, of: str) -> Iterator[str]:
    """Yield the fields that are read of the name ``of``; ``_ALL`` where it is used as a whole."""
    if isinstance(node, nodes.Getattr) and _is_field(node, of):
        yield node.attr
    elif isinstance(node, nodes.Name) and node.name == of:
        yield _ALL
    else:
        for child in node.iter_child_nodes():
            yield from _fields(child, of)


def _needs(node: nodes.Node, *, is_asked: bool = False) -> Iterator[str]:
    """Yield what is read of the view besides what an issue's digests share.

    Args:
        node: what reads.
        is_asked: whether all that matters is if there is anything; of papers in a row, that is the shape of the digest.

    Raises:
        IndivisibleError: papers in a row are read in another way, or the view as a whole.
    """
    if isinstance(node, nodes.Getattr) and _is_field(node):
        if node.attr in ROWS and not is_asked:
            raise IndivisibleError(f"reads view.{node.attr} otherwise than in a loop over it")
        if node.attr in ROWS | OF_SHAPE:
            yield SHAPE
        elif node.attr in OF_DIGEST:
            yield node.attr
        elif node.attr not in OF_ISSUE:
            raise IndivisibleError(f"reads view.{node.attr}")
        return
    if isinstance(node, nodes.Name) and node.name == VIEW:
        raise IndivisibleError("uses the view as a whole")
    for name, child in _children(node):
        asks = (isinstance(node, nodes.If | nodes.CondExpr) and name == "test") or (
            is_asked and isinstance(node, nodes.And | nodes.Or)
        )
        counts = isinstance(node, nodes.Filter) and node.name in {"length", "count"} and name == "node"
        yield from _needs(child, is_asked=asks or counts or isinstance(node, nodes.Not))


def _children(node: nodes.Node) -> Iterator[tuple[str, nodes.Node]]:
    for name, value in node.iter_fields():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, nodes.Node):
                yield name, child


def _append(found: list[_AnyDraft], drafts: Sequence[_AnyDraft], *, is_within_tag: bool) -> None:
    """Add ``drafts``; what begins within a tag belongs to what began the tag."""
    if is_within_tag and drafts:
        last, first = found[-1] if found else None, drafts[0]
        if not isinstance(last, _Draft) or not isinstance(first, _Draft):
            raise IndivisibleError("begins within a tag")
        last.add(first)
        drafts = drafts[1:]
    found.extend(drafts)


def _joined_up(drafts: Sequence[_AnyDraft], *, is_loop: bool) -> list[_AnyDraft]:
    """Join neighbours that depend on the same, and what is constant between them if it is short."""
    found: list[_AnyDraft] = []
    for draft in drafts:
        last = found[-1] if found else None
        if isinstance(draft, _Draft) and isinstance(last, _Draft):
            if _is_alike(last, draft) or (is_loop and _is_constant(last) is not _is_constant(draft)):
                last.add(draft)
                continue
            before = found[-2] if len(found) > 1 else None
            if last.is_short_constant and isinstance(before, _Draft) and _is_alike(before, draft):
                found.pop()
                before.add(last)
                before.add(draft)
                continue
        found.append(draft)
    return found


def _is_constant(draft: _Draft) -> bool:
    return not draft.needs and not draft.of_paper


def _is_alike(one: _Draft, other: _Draft) -> bool:
    return one.needs == other.needs and _kind_of(one.of_paper) == _kind_of(other.of_paper)


def _kind_of(of_paper: set[str]) -> tuple[bool, bool]:
    """Return whether it is of the paper, and whether of its place."""
    return bool(of_paper - {_PLACE}), not of_paper.isdisjoint({_PLACE, _ALL})


def _finish(drafts: Iterable[_AnyDraft], blocks: list[nodes.Node]) -> Iterator[Step]:
    for draft in drafts:
        if isinstance(draft, _Draft):
            yield _part(draft, blocks)
        elif isinstance(draft, _LoopDraft):
            yield Loop(draft.over, draft.target, tuple(_part(each, blocks) for each in draft.body))
        else:
            test = _part(draft.test, blocks)
            yield Branch(test, tuple(_finish(draft.yes, blocks)), tuple(_finish(draft.no, blocks)))


def _part(draft: _Draft, blocks: list[nodes.Node]) -> Part:
    name = f"part{len(blocks)}"
    blocks.append(nodes.Block(name, draft.nodes, False, False, lineno=1))
    return Part(name, tuple(sorted(draft.needs)), *_kind_of(draft.of_paper))
