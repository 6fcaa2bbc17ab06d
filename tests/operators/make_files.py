"""Makes files/: what graphs write as files and read from pressed bytes, crosses of ragged features, and records out
of JSON."""

import gzip
import os
import sys
import zlib

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
cases = Cases()
case = cases.add


def sound():
    for channels in (1, 2, 3):
        x = random.normal(size=(40, channels)).astype("f4") / 2
        x[:7, 0] = (np.array([-3, -2, -1, 0, 1, 2, 3]) + 0.5) / 32768
        x[7, 0] = np.nan
        case(f"wav_{channels}", lambda x: tf.io.decode_raw(R.EncodeWav(audio=x, sample_rate=44100), tf.uint8), tf.constant(x))


def pictures():
    for dtype in (np.uint8, np.uint16):
        for channels in (1, 2, 3, 4):
            x = random.integers(0, np.iinfo(dtype).max, size=(5, 6, channels)).astype(dtype)

            # TensorFlow decodes no grey with opacity as it is.
            def there_and_back(x, t=dtype, c=channels):
                decoded = R.DecodePng(contents=R.EncodePng(image=x), dtype=t, channels=4 if c == 2 else c)
                return tf.cast(decoded, tf.int32)
            case(f"png_{np.dtype(dtype).name}_{channels}", there_and_back, tf.constant(x))
    x = tf.constant(random.integers(0, 255, size=(2, 3, 5, 6, 3)).astype(np.uint8))
    for level in (-1, 0, 9):
        case(f"pngs_{level + 1}", lambda x, v=level: R.DecodePng(contents=R.EncodePng(image=x, compression=v)[1, 2]), x)


def pressed():
    texts = [b"hello" * 9, bytes(range(1, 200)) * 3, b""]
    for kind, press in (("ZLIB", zlib.compress), ("GZIP", gzip.compress)):
        x = [press(text) + b"." for text in texts] if kind == "ZLIB" else [press(b"hello") + press(b"you") + b"", press(texts[1])]
        case(f"pressed_{kind}", lambda x, k=kind: R.DecodeCompressed(bytes=x, compression_type=k), tf.constant([x]))
    case("pressed_cut", lambda x: R.DecodeCompressed(bytes=x, compression_type="ZLIB"), tf.constant([zlib.compress(texts[0])[:-2]]))
    case("pressed_not", lambda x: R.DecodeCompressed(bytes=x), tf.constant(["ab", ""]))


def crosses():
    ragged = tf.constant([1, -2, 3, 4], tf.int64), tf.constant(["q", "", "long words", "z"])
    dense = tf.constant([["x", "xx"], ["y", ""], ["z", "zz"]]), tf.constant([[1], [2], [3]], tf.int64)
    indices, words = tf.constant([[0, 0], [2, 0], [2, 1]], tf.int64), tf.constant(["a", "b", "c"])
    for dtype in (tf.int32, tf.int64):
        ends = tf.constant([0, 2, 2, 4], dtype)
        for order in ("RSD", "DRS", "DDRR", "SS", "D"):
            for hashed in (False, True):
                for buckets in (0, 100):
                    def run(a, b, ends, d, e, i, w, order=order, hashed=hashed, buckets=buckets, dtype=dtype):
                        r, s, t = (order.count(kind) for kind in "RSD")
                        return list(R.RaggedCross(
                            ragged_values=[a, b][:r], ragged_row_splits=[ends, ends][:r],
                            sparse_indices=[i] * s, sparse_values=[w] * s, sparse_shape=[tf.constant([3, 2], tf.int64)] * s,
                            dense_inputs=[d, e][:t], input_order=order, hashed_output=hashed, num_buckets=buckets,
                            hash_key=956888297470, out_values_type=tf.int64 if hashed else tf.string, out_row_splits_type=dtype))
                    case(f"cross_{order}_{hashed}_{buckets}_{dtype.name}", run, *ragged, ends, *dense, indices, words)


def records():
    def feature(text):
        return '{"features":{"feature":{"a":%s}}}' % text
    texts = [feature('{"int64List":{"value":[5,"-6",1e3]}}'), feature('{"float_list":{"value":[0.1,"NaN",-2]}}'),
             feature('{"bytesList":{"value":["aGk","+/8="]}}') + " ", feature("{}"), '{"features":{}}']
    for at, text in enumerate(texts):
        case(f"record_{at}", lambda x: tf.io.decode_raw(R.DecodeJSONExample(json_examples=x), tf.uint8), tf.constant([text]))


sound()
pictures()
pressed()
crosses()
records()
cases.write(folder)
