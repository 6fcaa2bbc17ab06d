#!/usr/bin/env python3
"""How fast mexplore runs .tflite files against LiteRT with XNNPACK, and SavedModels against TensorFlow, in turn on the
same machine.

    benches/run_against_reference.py MODEL.tflite|SAVED_MODEL ... [--threads 1 2] [--rounds 5] [--runs 20] [--markdown]

Each round times a block of runs of one, then of the other; the medians of all blocks are compared. Needs a release
build of mexplore (or its path in MEXPLORE) and a Python with numpy and ai-edge-litert, or tensorflow for SavedModels.
Times are of one invoke, without copying inputs; memory is what a process holds more at its peak than one that only got so
far as to load a model: one that has imported the other library, and one that runs a sample of 34 KB. The first answer
of a .tflite is opening, planning and one invoke within a process that has started; that of a SavedModel is the whole
process, as a person waits for it, TensorFlow's imports included.
"""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = ROOT / "samples" / "digits_cnn.int8.tflite"


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def litert(path, threads, runs):
    """The worker: prints what a block of LiteRT's took."""
    import numpy
    from ai_edge_litert.interpreter import Interpreter

    before, begun = resident(), time.perf_counter()
    model = Interpreter(model_path=path, num_threads=threads)
    for detail in model.get_input_details():
        sizes = [max(1, n) for n in detail.get("shape_signature", detail["shape"])]
        model.resize_tensor_input(detail["index"], sizes)
    model.allocate_tensors()
    dice = numpy.random.default_rng(0)
    for detail in model.get_input_details():
        shape, dtype = detail["shape"], detail["dtype"]
        values = dice.random(shape) if numpy.issubdtype(dtype, numpy.floating) else dice.integers(0, 2, shape)
        model.set_tensor(detail["index"], values.astype(dtype))
    model.invoke()
    first = time.perf_counter() - begun
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        model.invoke()
        times.append(time.perf_counter() - begun)
    print(json.dumps({"ms": [1e3 * t for t in times], "first": 1e3 * first, "mb": resident() - before}))


def tensorflow(path, threads, runs):
    """The worker: prints what a block of TensorFlow's took, of the signature that a server would call."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    before = resident()
    model = tf.saved_model.load(path)
    signature = model.signatures["serving_default"]
    dice = numpy.random.default_rng(0)
    inputs = {}
    for name, spec in signature.structured_input_signature[1].items():
        shape = [n or 1 for n in spec.shape]
        values = dice.random(shape) if spec.dtype.is_floating else dice.integers(0, 2, shape)
        inputs[name] = tf.constant(values.astype(spec.dtype.as_numpy_dtype))

    def invoke():
        return [output.numpy() for output in signature(**inputs).values()]

    invoke()
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        invoke()
        times.append(time.perf_counter() - begun)
    print(json.dumps({"ms": [1e3 * t for t in times], "mb": resident() - before}))


def took(words):
    """Milliseconds of a whole process, and the last line that it prints."""
    begun = time.perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return 1e3 * (time.perf_counter() - begun), done.stdout


def theirs(path, threads, runs):
    words = [sys.executable, __file__, "--worker", path, str(threads)]
    block = json.loads(took([*words, str(runs)])[1].splitlines()[-1])
    first = block["first"] if "first" in block else took([*words, "0"])[0]
    return statistics.median(block["ms"]), first, block["mb"]


def ours(binary, path, threads, runs):
    limits = ["--json", "--threads", str(threads)]
    block = json.loads(took([binary, "bench", path, *limits, "--runs", str(runs)])[1])
    first = block["load_ms"] + block["first_ms"]
    if Path(path).is_dir():
        first = took([binary, "run", path, *limits])[0]
    return block["median_ms"], first, block["peak_rss_bytes"] / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--markdown", action="store_true", help="print the table for README.md")
    args = parser.parse_args()
    binary = os.environ.get("MEXPLORE", str(ROOT / "target/release/mexplore"))
    idle = ours(binary, str(SMALL), 1, 1)[2]
    edge = "| " if args.markdown else ""
    between = " | " if args.markdown else "  "
    widths = (44, 7, 9, 9, 6, 9, 9, 7, 7)
    heads = ("model", "threads", "mexplore", "theirs", "ratio", "first", "theirs", "MB", "theirs")

    def row(cells):
        padded = (f"{c:<{w}}" if at == 0 else f"{c:>{w}}" for at, (c, w) in enumerate(zip(cells, widths)))
        print(edge + between.join(padded).rstrip() + edge[::-1], flush=True)

    row(heads)
    if args.markdown:
        row(("---",) * len(heads))
    ratios = []
    for threads in args.threads:
        for path in args.models:
            a, b = [], []
            for _ in range(args.rounds):
                a.append(ours(binary, path, threads, args.runs))
                b.append(theirs(path, threads, args.runs))
            a, b = ([statistics.median(column) for column in zip(*blocks)] for blocks in (a, b))
            ratios.append(a[0] / b[0])
            name = "/".join(Path(path).resolve().parts[-2:])
            figures = (f"{a[0]:.2f}", f"{b[0]:.2f}", f"{ratios[-1]:.2f}", f"{a[1]:.1f}", f"{b[1]:.1f}")
            row((name, threads, *figures, f"{a[2] - idle:.0f}", f"{b[2]:.0f}"))
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    print(f"geometric mean of the ratios {mean:.2f}, largest {max(ratios):.2f}; times in ms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker = tensorflow if Path(sys.argv[2]).is_dir() else litert
        worker(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
