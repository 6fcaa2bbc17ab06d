"""Makes numbers/: numbers read from strings, and points of Sobol's sequence."""

import os
import sys

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "numbers")
random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
cases = Cases()

REALS = ["inf", "-Infinity", "+INF", "nan", "-nan", "nan(7)", " 1 ", "\v+5\t", "1e400", "-1e400", "0x10", "-0X1F", "0x1.8p3",
         "0x.8", "0x1.000001p0", "0x1.0000010000000001p0", "0x1.8p-150", "0x1.ffffffp127", "1.", ".5", "-0", "1e-46", "1e-310",
         "3.4028236e38", "007", "16777217", "123456789012345678901234567890"]
WHOLES = {tf.int32: ["2147483647", "-2147483648", " +5 ", "007", "-0"], tf.int64: ["9223372036854775807", "-9223372036854775808"],
          tf.uint32: ["4294967295", "\r7"], tf.uint64: ["18446744073709551615", "+0"]}

for dtype in (tf.float32, tf.float64):
    more = ["%.*e" % (int(random.integers(1, 25)), v) for v in random.normal(size=20) * 10.0 ** random.integers(-40, 38, 20)]
    more += [float(v).hex() for v in random.normal(size=20) * 2.0 ** random.integers(-150, 127, 20)]
    texts = tf.constant(REALS + more)
    cases.add(f"real_{dtype.name}", lambda x, t=dtype: R.StringToNumber(string_tensor=x, out_type=t), texts)
    lines = tf.constant(["0x1p3,inf,,-0X.8"])
    cases.add(f"fields_{dtype.name}", lambda x, t=dtype: R.DecodeCSV(records=x, record_defaults=[tf.constant([9], t)] * 4), lines)
for dtype, texts in WHOLES.items():
    cases.add(f"whole_{dtype.name}", lambda x, t=dtype: R.StringToNumber(string_tensor=x, out_type=t), tf.constant(texts))
for axes, count, skip in [(1, 9, 0), (2, 5, 3), (300, 3, 70000), (5715, 2, 2**20), (3, 4, 2**30 - 5), (3, 2, 2**30), (7, 1, 2**31 - 3)]:
    for dtype in (tf.float32, tf.float64):
        where = tf.constant([axes, count, skip])
        cases.add(f"points_{axes}_{skip}_{dtype.name}",
                  lambda x, t=dtype: R.SobolSample(dim=x[0], num_results=x[1], skip=x[2], dtype=t), where)
os.makedirs(folder, exist_ok=True)
cases.write(folder)
