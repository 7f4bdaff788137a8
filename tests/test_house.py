"""The rules of the house: who may import whom, how large things get, and what no file contains."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from statistics import median
from typing import TypeGuard

import pytest

from patience import PROGRAM_S

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"quorate": "impl", "quorate_spec": "spec", "quorate_check": "modelcheck"}
FOUND_IN = {name: ROOT / folder / name for name, folder in PACKAGES.items()}
MODULES = sorted(chain.from_iterable(package.rglob("*.py") for package in FOUND_IN.values()))

# The folders of the checker, and which of them each may import. Protocols don't know each other; the store runs on
# Raft's core.
TELLING = {"core", "engine", "tell"}
A_PROTOCOL = TELLING | {"api", "conformance", "proofs", "traces"}
FOLDERS: dict[str, set[str]] = {
    "core": set(),
    "engine": {"core"},
    "tell": {"core", "engine"},
    "api": TELLING,
    "conformance": TELLING,
    "history": TELLING,
    "learn": TELLING,
    "proofs": TELLING,
    "traces": {*TELLING, "conformance"},
    "raft": A_PROTOCOL,
    "bft": A_PROTOCOL,
    "generals": A_PROTOCOL,
    "mutants": {*TELLING, "conformance", "raft", "store"},
    "outside": {*TELLING, "raft"},
    "store": A_PROTOCOL | {"raft", "history"},
}
FOLDERS["cli"] = set(FOLDERS)
# These know no protocol, neither the code nor the specification.
GENERAL = {"core", "engine", "tell", "api", "conformance", "history"}
# What may need more than the standard library, of the implementation; the cores never do.
OUTSIDE = {
    "raft_server": {"msgspec"},
    "store": {"msgspec", "hiredis"},
    "client": {"hiredis"},
    "node": {"prometheus_client"},
    "cli": {"typer", "rich", "starlette"},
    "generals": {"nacl"},
    "runtime": {"msgspec", "nacl"},
    "membership": {"msgspec"},
    "bft_server": {"msgspec"},
    "web": {"starlette", "uvicorn"},
}

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60
MOST_LINES_OF_THE_TRUSTED_BASE = 1_400
MEDIAN_LINES, MEDIAN_LINES_OF_A_FUNCTION = 200, 12
LONG_MODULES = {
    "modelcheck/quorate_check/engine/kernel.py": "a kernel calls only what is compiled with it, and that is one file",
    "modelcheck/quorate_check/engine/any_network/kernel.py": "the same",
    "spec/quorate_spec/raft/actions.py": "it is read beside Raft.tla, which is one file",
}
LONG_FUNCTIONS = {
    "_expand": "one compiled function: a call per transition would cost more than the work",
    "insert": "the same",
}


def path_of(module: Path) -> str:
    """The path that the tables above use."""
    return module.relative_to(ROOT).as_posix()


@cache
def tree_of(module: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(module.read_text(encoding="utf-8"))


@cache
def imports(module: Path) -> frozenset[str]:
    """Every module that `module` imports, wherever in it, by full name."""
    return frozenset(chain.from_iterable(map(imported, ast.walk(tree_of(module)))))


def imported(node: ast.AST) -> Iterator[str]:
    """Every module that a statement imports, by full name; none if it is another kind of statement."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=name, names=names, level=level):
            assert level == 0, f"{name}: a relative import hides its direction"
            assert name is not None
            yield name
            yield from (f"{name}.{alias.name}" for alias in names)
        case _:
            pass


def top(name: str) -> str:
    """The package that a module is in."""
    return name.partition(".")[0]


def inside(module: Path, package: str) -> tuple[str, ...]:
    """The parts of a module's path below its package; empty if it is in another."""
    return module.relative_to(FOUND_IN[package]).parts if module.is_relative_to(FOUND_IN[package]) else ()


CHECKER = [m for m in MODULES if inside(m, "quorate_check")]


def folder_of(name: str) -> str | None:
    """The folder of the checker that an imported name is in, None if it is none."""
    parts = name.split(".")
    return parts[1] if parts[0] == "quorate_check" and len(parts) > 1 and parts[1] in FOLDERS else None


def test_specification_and_implementation_know_only_themselves() -> None:
    """Neither imports the other or the checker, so that their agreement means something; and nobody imports tests."""
    of_tests = {"tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    for module in MODULES:
        used = {top(name) for name in imports(module)}
        assert not used & of_tests, path_of(module)
        for package in ("quorate", "quorate_spec"):
            if inside(module, package):
                assert not used & (set(PACKAGES) - {package}), path_of(module)


def test_imports_follow_the_folders() -> None:
    """Each folder of the checker imports only those that are said to be below it, so there is no circle of folders."""
    for module in CHECKER:
        here, *_ = inside(module, "quorate_check")
        if here == "__init__.py":
            continue
        assert here in FOLDERS, f"{path_of(module)} lies beside the folders"
        used = {folder for name in imports(module) if (folder := folder_of(name)) is not None}
        assert used <= FOLDERS[here] | {here}, path_of(module)
        if here in GENERAL:
            # What serves any local page knows no protocol either.
            names = {name for name in imports(module) if not name.startswith("quorate.web")}
            assert not {top(name) for name in names} & {"quorate", "quorate_spec"}, path_of(module)


# What of each protocol its servers may import.
PROTOCOLS = {
    "raft_server": {"raft", "raft_server"},
    "bft_server": {"bft", "bft_server"},
    "generals": {"generals"},
}
SERVED = {"raft", "bft", "generals", "raft_server", "bft_server", "membership", "store", "node", "client", "backup"}


def test_what_every_server_needs_knows_no_protocol() -> None:
    """Nor the membership; cores know nothing of what runs them, and no protocol's server knows another's."""
    for module in MODULES:
        if not inside(module, "quorate"):
            continue
        here, *_ = inside(module, "quorate")
        used = {parts[1] for name in imports(module) if (parts := name.split("."))[0] == "quorate" and len(parts) > 1}
        if here == "runtime":
            assert not used & SERVED, path_of(module)
        if here in {"raft", "bft"}:
            assert used <= {here, "quorum"}, path_of(module)
        if here in PROTOCOLS:
            assert not used & set().union(*PROTOCOLS.values()) - PROTOCOLS[here], path_of(module)


def test_no_folders_import_each_other_in_a_circle() -> None:
    """What the table of folders allows has an order, in which each folder comes after what it imports."""
    assert set(FOLDERS) == {p.name for p in FOUND_IN["quorate_check"].iterdir() if (p / "__init__.py").exists()}
    order = list(TopologicalSorter(FOLDERS).static_order())
    assert order[0] == "core"


def test_the_implementation_needs_little_beside_the_standard_library() -> None:
    """The cores, the driver and the storage need nothing else; who runs a cluster needs no compiler."""
    for module in MODULES:
        used = {top(name) for name in imports(module)}
        if parts := inside(module, "quorate"):
            assert used <= {*sys.stdlib_module_names, "quorate"} | OUTSIDE.get(parts[0], set()), path_of(module)
        if not inside(module, "quorate_check"):
            assert not used & {"numba", "numpy"}, path_of(module)


def test_only_the_proofs_need_z3() -> None:
    """It is an extra: whoever hasn't got it has all the rest, so nothing imports the proofs before they are wanted."""
    for module in MODULES:
        if "proofs" not in inside(module, "quorate_check"):
            assert "z3" not in {top(name) for name in imports(module)}, path_of(module)
            at_once = chain.from_iterable(imported(node) for node in tree_of(module).body)
            assert not [
                name for name in at_once if name.startswith("quorate_check.") and "proofs" in name.split(".")
            ], path_of(module)


def test_only_one_module_writes_to_connections() -> None:
    """It knows what a connection that is closing makes of a write; nobody else needs to."""
    for module in MODULES:
        if path_of(module) != "impl/quorate/runtime/network_writes.py":
            calls = [node.func for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
            written = [f for f in calls if isinstance(f, ast.Attribute) and f.attr in {"write", "writelines"}]
            assert [ast.unparse(f) for f in written if re.search(r"(transport|writer)\.\w+$", ast.unparse(f))] == [], (
                path_of(module)
            )


def test_nobody_takes_what_may_not_be_looked_at_for_nothing() -> None:
    """As these methods do from Python 3.14 on; `quorate.runtime.paths` says an error instead."""
    for module in MODULES:
        calls = {
            node.func.attr
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute)
        }
        assert not calls & {"exists", "is_file", "is_dir", "is_symlink", "is_mount", "is_socket", "is_fifo"}, path_of(
            module
        )


HASHED_BY_VALUE = {"Address", "Chain", "ExpireIf", "GeneralId", "NodeId", "bytes", "int", "str", "tuple"}


def test_sets_of_servers_contain_values_alone() -> None:
    """The order of other objects in a set depends on their addresses: no simulation could be run again."""
    sets = [
        (path_of(module), ast.unparse(node))
        for module in MODULES
        if FOUND_IN["quorate"] in module.parents
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value).rpartition(".")[2] in {"set", "frozenset", "AbstractSet"}
        and ast.unparse(node.slice).strip("'").partition("[")[0] not in HASHED_BY_VALUE
    ]
    assert sets == []


def test_only_one_module_says_which_certificates_are_believed() -> None:
    """Contexts that Python makes by itself differ from version to version."""
    for module in MODULES:
        if path_of(module) != "impl/quorate/runtime/trust.py":
            names = {node.attr for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)}
            assert not names & {"create_default_context", "load_verify_locations", "load_cert_chain", "verify_flags"}, (
                path_of(module)
            )


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """Every function and method of a module with its length in lines, decorators and docstring included."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - first + 1


def lines(module: Path) -> int:
    """The length of a module."""
    return len(module.read_text(encoding="utf-8").splitlines())


def test_modules_and_functions_stay_small_enough_to_read() -> None:
    """No module has over 400 lines and no function over 60, but for those that are listed with their reasons."""
    for module in MODULES:
        if path_of(module) not in LONG_MODULES:
            assert lines(module) <= MOST_LINES, path_of(module)
        exempt = LONG_FUNCTIONS if path_of(module) in LONG_MODULES else {}
        assert {
            name: n for name, n in functions(module) if n > MOST_LINES_OF_A_FUNCTION and name not in exempt
        } == {}, path_of(module)


def code_lines(module: Path) -> int:
    """How many lines of a module are code: neither empty, nor a comment, nor a docstring."""
    text = module.read_text(encoding="utf-8")
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    used = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            used.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree_of(module)):
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
        match body:
            case [ast.Expr(ast.Constant(str())) as doc, *_]:
                used.difference_update(range(doc.lineno, (doc.end_lineno or doc.lineno) + 1))
            case _:
                pass
    return len(used)


def test_the_trusted_base_can_be_read_in_an_hour() -> None:
    """Safety and liveness together have under 1,400 lines of code."""
    core = [code_lines(module) for module in CHECKER if inside(module, "quorate_check")[0] == "core"]
    assert core
    assert sum(core) < MOST_LINES_OF_THE_TRUSTED_BASE


def test_most_modules_and_functions_are_small() -> None:
    """Half of the modules have under 200 lines, half of the functions under 12."""
    assert median(lines(module) for module in MODULES) < MEDIAN_LINES
    assert median(n for module in MODULES for _, n in functions(module)) < MEDIAN_LINES_OF_A_FUNCTION


def test_every_exception_is_still_needed() -> None:
    """What is listed as too long is too long."""
    long = set()
    for path in LONG_MODULES:
        long |= {name for name, n in functions(ROOT / path) if n > MOST_LINES_OF_A_FUNCTION}
        assert lines(ROOT / path) > MOST_LINES
    assert long == set(LONG_FUNCTIONS)


# Participles and particles that name nothing: a reader must know what the thing is. `left` isn't among them, for it is
# a side as well.
NO_NAMES = {"told", "said", "asked", "beside", "met"}
NO_NAMES_OF_THE_CHECKER = NO_NAMES | {
    *("found", "given", "kept", "made", "taken", "gone", "came", "went", "ended", "shown", "careful"),
    *("known", "seen", "held", "judged", "chosen", "spent", "stuck", "stood", "had", "tried", "answered", "arrived"),
    *("began", "begun", "learnt", "grew", "grown"),
}


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Every name that a module gives to a function, class, argument, variable, attribute or import."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case _:
                pass


def test_things_are_named_by_nouns() -> None:
    """Folders and modules, too; in the specifications and the implementation by the shorter list."""
    assert CHECKER
    wrong = [
        (path_of(m), name)
        for m in MODULES
        for name in chain(m.relative_to(ROOT).with_suffix("").parts, defined_names(tree_of(m)))
        if name.strip("_").lower() in (NO_NAMES_OF_THE_CHECKER if m in CHECKER else NO_NAMES)
    ]
    assert wrong == []


@cache
def tracked_texts() -> dict[str, str]:
    """Every text file that git tracks, except this one, which names what it looks for."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=PROGRAM_S, check=False, text=True
    ).stdout.split("\0")
    found = {}
    for name in filter(None, listed):
        path = ROOT / name
        if path == Path(__file__).resolve() or not path.is_file():
            continue
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    if not found:
        pytest.skip("not a git checkout")
    return found


NAMES_THE_LINTERS_RULE = "pyproject.toml"


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(r"\b(TODO|FIXME|XXX)\b", id="unfinished work"),
        pytest.param(r"/work/|(?<![\w.])/?shared/|/home/\w|/root/|/Users/\w", id="paths of one machine"),
        pytest.param(r"[ \t]+\n", id="blanks at the ends of lines"),
    ],
)
def test_no_file_contains_what_is_only_about_its_making(forbidden: str) -> None:
    """Nothing in the tree is unfinished, or speaks of the machine it was made on."""
    # In a diff, a blank alone is an empty line of the file it is for.
    texts = {name: text for name, text in tracked_texts().items() if not name.endswith(".patch")}
    hits = {name: found.group(0) for name, text in texts.items() if (found := re.search(forbidden, text))}
    if hits.get(NAMES_THE_LINTERS_RULE) == "TODO":
        del hits[NAMES_THE_LINTERS_RULE]
    assert hits == {}


TESTS = sorted((ROOT / "tests").rglob("*.py"))


def functions_of_tests() -> Iterator[tuple[str, list[ast.AST]]]:
    """Every function in the folder of the tests, by file and name: tests, and what helps them; with its parts."""
    for module in TESTS:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path_of(module)}::{node.name}", list(ast.walk(node))


def objects(node: ast.AST) -> bool:
    """Whether a part of a function can fail a test: an assertion, an error that is raised or expected, a command."""
    match node:
        case ast.Assert() | ast.Raise():
            return True
        case ast.Call(func=ast.Attribute(attr="raises" | "fail")):
            return True
        case ast.keyword(arg="check", value=ast.Constant(value=True)):
            return True
        case _:
            return False


def test_every_test_can_fail() -> None:
    """It asserts something, expects an error, or calls a function of the tests that does."""
    functions = list(functions_of_tests())
    uses = [
        (name, any(map(objects, nodes)), {n.id if isinstance(n, ast.Name) else n.attr for n in nodes if named(n)})
        for name, nodes in functions
    ]
    helpers = [(name.partition("::")[2], fails, used) for name, fails, used in uses if "::test_" not in name]
    asserting = {name for name, fails, _ in helpers if fails}
    while more := {name for name, _, used in helpers if name not in asserting and used & asserting}:
        asserting |= more
    tests = [(name, fails, used) for name, fails, used in uses if "::test_" in name]
    assert len(tests) > 1_000
    assert sorted(name for name, fails, used in tests if not fails and not used & asserting) == []


def named(node: ast.AST) -> TypeGuard[ast.Name | ast.Attribute]:
    """Whether a part of a function is a name, or ends with one."""
    return isinstance(node, ast.Name | ast.Attribute)


def sleeps(loop: ast.While) -> bool:
    """Whether a loop sleeps between two looks at what it waits for."""
    return any(isinstance(n, ast.Call) and ast.unparse(n.func).endswith("sleep") for n in ast.walk(loop))


def without_deadline(node: ast.AST, *, bounded: bool = False) -> Iterator[int]:
    """The lines of all waits below `node` that nothing ends: programs that run, and loops that sleep."""
    match node:
        case ast.AsyncWith(items=items) if any("timeout" in ast.unparse(item) for item in items):
            bounded = True
        case ast.While() if sleeps(node) and not bounded and "monotonic" not in ast.unparse(node):
            yield node.lineno
        case ast.Call(func=ast.Attribute(attr="run" | "communicate") as called, keywords=keywords):
            waits = called.attr == "communicate" or ast.unparse(called) == "subprocess.run"
            if waits and not bounded and "timeout" not in {keyword.arg for keyword in keywords}:
                yield node.lineno
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        yield from without_deadline(child, bounded=bounded)


def test_every_wait_of_a_test_has_a_deadline() -> None:
    """Or a test that fails would hang; in simulations time passes at once, and the scenario ends."""
    assert list(without_deadline(ast.parse("subprocess.run([])\nwhile True:\n    time.sleep(1)"))) == [1, 2]
    waiting = [module for module in TESTS if "simulation" not in module.parts]
    assert {path_of(m): found for m in waiting if (found := list(without_deadline(tree_of(m))))} == {}
