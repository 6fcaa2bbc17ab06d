"""Makes files/: what graphs write as files and read from pressed bytes, crosses of ragged features, records out
of JSON and records of sequences."""

import gzip
import zlib

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("files", 7, None)
random = cases.random
case = cases.add


def sound():
    for channels in (1, 2, 3):
        x = random.normal(size=(40, channels)).astype("f4") / 2
        x[:7, 0] = (np.array([-3, -2, -1, 0, 1, 2, 3]) + 0.5) / 32768
        x[7, 0] = np.nan
        case(f"wav_{channels}", lambda x: tf.io.decode_raw(R.EncodeWav(audio=x, sample_rate=44100), tf.uint8), tf.constant(x))


def images():
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


KINDS = {"i": tf.int64, "f": tf.float32, "s": tf.string}


def feature(kind, count):
    """A feature of so many values; without any, sometimes of no type."""
    if count == 0 and random.random() < 0.5:
        return tf.train.Feature()
    if kind == "i":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=random.integers(-99, 2**40, size=count)))
    if kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=random.normal(size=count)))
    values = [bytes(random.integers(97, 123, size=random.integers(1, 9)).astype(np.uint8)) for _ in range(count)]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def sequence():
    """A record that may lack what is not needed."""
    context, lists = {}, {}
    for kind in KINDS:
        context[f"dense_{kind}"] = feature(kind, 4)
        lists[f"dense_{kind}"] = tf.train.FeatureList(feature=[feature(kind, 2) for _ in range(random.integers(0, 4))])
        for name in ("sparse", "ragged"):
            context[f"{name}_{kind}"] = feature(kind, random.integers(0, 4))
            rows = [feature(kind, random.integers(0, 4)) for _ in range(random.integers(0, 4))]
            lists[f"{name}_{kind}"] = tf.train.FeatureList(feature=rows)
    for part in (context, lists):
        for name in list(part):
            if random.random() < 0.2:
                del part[name]
    lists.setdefault("dense_s", tf.train.FeatureList(feature=[feature("s", 2)]))
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=lists)).SerializeToString()


def flat(found):
    """All outputs, of nested lists too."""
    return [value for part in found for value in (flat(part) if isinstance(part, (list, tuple)) else [part])]


def sequences(count):
    kinds, types = list(KINDS), list(KINDS.values())
    names = {name: [f"{name}_{kind}" for kind in kinds] for name in ("sparse", "dense", "ragged")}
    shape, step = tf.TensorShape([2, 2]), tf.TensorShape([2])
    defaults = [tf.constant([[1, 2], [3, 4]], tf.int64), tf.constant([[0.5, 1], [2, 3]]), tf.constant([["", "a"], ["b", "c"]])]
    common = dict(context_dense_shapes=[shape] * 3, feature_list_dense_shapes=[step] * 3, feature_list_dense_types=types,
                  context_sparse_types=types, feature_list_sparse_types=types)
    for at in range(count):
        # Archives drop zero bytes at the end of a text.
        records = tf.io.encode_base64([sequence() for _ in range(random.integers(1, 5))])
        records = tf.constant(records)
        splits = [[tf.int32, tf.int64, tf.int32], [tf.int64, tf.int32, tf.int64]][at % 2]

        def second(x, splits=splits):
            return flat(R.ParseSequenceExampleV2(
                serialized=tf.io.decode_base64(x), debug_name=tf.constant([], tf.string), context_sparse_keys=names["sparse"],
                context_dense_keys=names["dense"], context_ragged_keys=names["ragged"], feature_list_sparse_keys=names["sparse"],
                feature_list_dense_keys=names["dense"], feature_list_ragged_keys=names["ragged"],
                feature_list_dense_missing_assumed_empty=[True, True, False], context_dense_defaults=defaults, Ncontext_sparse=3,
                context_ragged_value_types=types, context_ragged_split_types=splits, Nfeature_list_sparse=3, Nfeature_list_dense=3,
                feature_list_ragged_value_types=types, feature_list_ragged_split_types=splits, **common))

        def first(x):
            return flat(R.ParseSequenceExample(
                serialized=tf.io.decode_base64(x), debug_name=tf.constant([], tf.string), context_dense_defaults=defaults,
                feature_list_dense_missing_assumed_empty=["dense_i", "dense_f"], context_sparse_keys=names["sparse"],
                context_dense_keys=names["dense"], feature_list_sparse_keys=names["sparse"], feature_list_dense_keys=names["dense"],
                Ncontext_sparse=3, Ncontext_dense=3, Nfeature_list_sparse=3, Nfeature_list_dense=3, **common))

        def single(x):
            return flat(R.ParseSingleSequenceExample(
                serialized=tf.io.decode_base64(x), feature_list_dense_missing_assumed_empty=["dense_i", "dense_f"], context_sparse_keys=names["sparse"],
                context_dense_keys=names["dense"], feature_list_sparse_keys=names["sparse"], feature_list_dense_keys=names["dense"],
                context_dense_defaults=defaults, debug_name="", **common))
        case(f"sequence_{at}", second, records)
        case(f"sequence_v1_{at}", first, records)
        # Row splits of one record are what lay in memory.
        case(f"sequence_one_{at}", lambda x, run=second: [v for i, v in enumerate(run(x[0])) if i not in (15, 16, 17, 36, 37, 38)], records[:1])
        case(f"sequence_single_{at}", lambda x, run=single: run(x[0]), records[:1])
    case("sequence_of_none", second, tf.constant([], tf.string))


def jpegs(count):
    def image(height, width, channels):
        """Smooth with some noise, so that all lengths of codes come up."""
        y, x = np.mgrid[:height, :width]
        waves = [np.sin(x / random.uniform(2, 30) + y / random.uniform(2, 30)) * random.uniform(20, 127) for _ in range(channels)]
        noise = random.normal(size=(height, width, channels)) * random.choice([0, 2, 40])
        return np.clip(np.stack(waves, -1) + 128 + noise, 0, 255).astype(np.uint8)

    def written(name, x, **wishes):
        case(f"jpeg_{name}", lambda x: tf.io.decode_raw(R.EncodeJpeg(image=x, **wishes), tf.uint8), tf.constant(x))

    small = [dict(), dict(progressive=True), dict(optimize_size=True), dict(chroma_downsampling=False)]
    for at in range(count):
        for channels in (1, 3):
            for number, wishes in enumerate(small):
                height, width = (int(n) for n in random.integers(1, 60, size=2))
                written(f"{at}_{channels}_{number}", image(height, width, channels), quality=int(random.integers(0, 101)), **wishes)
        x = random.integers(0, 2, size=(int(random.integers(1, 40)), 33, 3)).astype(np.uint8) * 255
        written(f"{at}_harsh", x, quality=100, chroma_downsampling=bool(at % 2), progressive=bool(at // 2 % 2))
        quality = tf.constant(int(random.integers(0, 101)))
        x = tf.constant(image(19, 21, 3))
        case(f"jpeg_{at}_variable", lambda x, q: tf.io.decode_raw(R.EncodeJpegVariableQuality(images=x, quality=q), tf.uint8), x, quality)
    x = image(9, 8, 1)
    written("words", x, xmp_metadata="<x/>", density_unit="cm", x_density=7, y_density=70000, format="grayscale")
    written("flat", np.full((40, 50, 3), 7, np.uint8), progressive=True)
    if count > 9:
        for number, wishes in enumerate(small):
            written(f"large_{number}", image(700, 1301, 3), **wishes)
            case(f"jpeg_black_{number}", lambda x, w=wishes: tf.io.decode_raw(R.EncodeJpeg(
                image=tf.fill([2000, 2100, 3], x), **w), tf.uint8), tf.constant(9, tf.uint8))


sound()
images()
pressed()
crosses()
records()
sequences(cases.count or 2)
jpegs(cases.count or 1)
cases.write()
