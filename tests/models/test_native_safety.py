"""The compiled layers as a guest in another process: short memory, other versions, races."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from bark.models.blocks import GPTConfig
from bark.models.gpt import GPT
from bark.models.native import library as native_library
from bark.models.native.compiler import compiled_library
from bark.models.native.library import Library, NativeMemoryError, load_library
from bark.models.native.linear import Int8Layer
from bark.models.native.memory import HugeMemory
from bark.models.quantize import apply_precision

COMPILER = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
SELF_TEST = Path(__file__).with_name("native_self_test.c")
SOURCES = Path(native_library.__file__).parent
SANITIZERS = {
    "none": (),
    "address and undefined behaviour": (
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
    ),
    "threads": ("-fsanitize=thread",),
}

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def library() -> Library:
    found = load_library()
    if found is None:
        pytest.skip("the layers cannot be compiled here")
    return found


@pytest.fixture(scope="module")
def starved(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library that never gets memory to work in."""
    folder = tmp_path_factory.mktemp("starved")
    return Library(compiled_library(folder, extra_flags=("-DSCRATCH_ALLOC(size)=NULL",)))


def make_gpt() -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(
        block_size=64,
        input_vocab_size=50,
        output_vocab_size=37,
        n_layer=2,
        n_head=2,
        n_embd=64,
        bias=True,
    )
    return GPT(config).requires_grad_(False).eval()


# Memory ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_a_call_without_memory_raises(starved: Library) -> None:
    layer = Int8Layer(starved, HugeMemory(), torch.randn(20, 64), None)
    with pytest.raises(NativeMemoryError):
        starved.run_linear(layer.struct, torch.randn(3, 64), torch.empty(3, 20))


def test_a_layer_without_memory_gives_what_it_gives_with_it(
    library: Library, starved: Library
) -> None:
    torch.manual_seed(1)
    weight, bias, x = torch.randn(37, 80), torch.randn(37), torch.randn(2, 3, 80)
    x[0, 0] = 0
    expected = Int8Layer(library, HugeMemory(), weight, bias)(x)
    found = Int8Layer(starved, HugeMemory(), weight, bias)(x)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_model_without_memory_is_answered_by_torch(
    library: Library, starved: Library, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, hidden = torch.randn(2, 9, 64), []
    for used in (library, starved):
        monkeypatch.setattr("bark.models.quantize.load_library", lambda used=used: used)
        model = apply_precision(make_gpt(), precision, "cpu")
        assert model.native is not None
        cache = model.new_cache(2)
        hidden.append(torch.cat([model.trunk(x[:, :7], cache), model.trunk(x[:, 7:], cache)], 1))
        assert cache.length == 9
    tolerance = 1e-5 if precision == "fp32" else 0.03
    assert (hidden[0] - hidden[1]).norm() / hidden[0].norm() < tolerance


# Versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["LinearStruct", "CacheStruct"])
@pytest.mark.usefixtures("quick_compiler")
def test_a_library_with_another_structure_is_refused(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compiled_library(tmp_path)
    before = getattr(native_library, named)
    longer = type(
        named, (ctypes.Structure,), {"_fields_": (("new", ctypes.c_int64), *before._fields_)}
    )
    structs = [longer if struct is before else struct for struct in native_library._STRUCTS]
    monkeypatch.setattr(native_library, "_STRUCTS", structs)
    with pytest.raises(OSError, match="lays its structures out otherwise"):
        Library(path)


@pytest.mark.usefixtures("library")
def test_a_library_without_one_of_the_functions_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text("int has_tiles(void) { return 1; }")
    target = tmp_path / "other.so"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", str(source), "-o", str(target)], check=True)
    with pytest.raises(OSError, match="no library of this package"):
        Library(target)


# Sanitizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sanitizer", list(SANITIZERS))
def test_the_layers_pass_their_own_test_under_the_compilers_sanitizers(
    sanitizer: str, tmp_path: Path
) -> None:
    program = tmp_path / "self_test"
    flags = ["-march=native", "-O1", "-g", "-ffp-contract=fast", "-fno-math-errno"]
    flags += ["-fno-strict-aliasing", "-pthread", "-Wno-psabi", f"-I{SOURCES}"]
    command = [str(COMPILER), *flags, *SANITIZERS[sanitizer], str(SELF_TEST), "-o", str(program)]
    compiled = subprocess.run([*command, "-lm"], capture_output=True, text=True, check=False)
    if compiled.returncode and sanitizer != "none":
        pytest.skip(f"this compiler has no sanitizer for {sanitizer}")
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("this kernel's memory layout is unknown to the sanitizer")
    assert done.returncode == 0, done.stderr
