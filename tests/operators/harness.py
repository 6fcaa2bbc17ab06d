"""Writes saved_model.pb, inputs.npz and outputs.npz for many cases at once: one signature whose every output is one case of
one operator, with TensorFlow's own answers."""

import os
import shutil
import sys

import numpy as np
import tensorflow as tf


def plain(tensor):
    """Strings as bytes of one length: archives are read without Python's objects."""
    array = np.asarray(tensor.numpy())
    return array.astype("S") if array.dtype == object else array


class Cases:
    """What `make_NAME.py [FOLDER [SEED [COUNT]]]` makes, in the folder of its name if not told otherwise."""

    def __init__(self, name, seed, count=1):
        told = sys.argv[1:]
        self.folder = told[0] if told else os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        self.random = np.random.default_rng(int(told[1]) if len(told) > 1 else seed)
        self.count = int(told[2]) if len(told) > 2 else count
        self.cases = []

    def add(self, name, run, *inputs):
        """`run` of the inputs gives a tensor or a list of them."""
        self.cases.append((name, run, inputs))

    def write(self, model=None):
        # A tensor that several cases take is one input.
        names, feeds, specs = {}, {}, {}
        for _, _, inputs in self.cases:
            for value in inputs:
                name = names.setdefault(id(value), f"x{len(names)}")
                feeds[name] = value
                specs[name] = tf.TensorSpec(value.shape, value.dtype, name=name)

        @tf.function(autograph=False)
        def whole(**values):
            results = {}
            for name, run, inputs in self.cases:
                found = run(*[values[names[id(value)]] for value in inputs])
                found = found if isinstance(found, (list, tuple)) else [found]
                for at, value in enumerate(found):
                    results[f"{name}__{at}"] = tf.identity(value)
            return results

        signature = whole.get_concrete_function(**specs)
        truth = {name: plain(value) for name, value in signature(**feeds).items()}
        options = tf.saved_model.SaveOptions(save_debug_info=False)
        target = os.path.join(self.folder, "saved_model")
        shutil.rmtree(target, ignore_errors=True)
        tf.saved_model.save(model or tf.Module(), target, signatures=signature, options=options)
        np.savez_compressed(os.path.join(self.folder, "inputs.npz"), **{k: plain(v) for k, v in feeds.items()})
        np.savez_compressed(os.path.join(self.folder, "outputs.npz"), **truth)
