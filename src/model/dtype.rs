//! Element types of both file kinds under TensorFlow's names.

use std::fmt;

macro_rules! dtypes {
    ($($variant:ident $name:literal $bits:literal),* $(,)?) => {
        /// An element type. Spelled as TensorFlow spells it (`float32`, `bfloat16`, `qint8`, …).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DType {
            $($variant,)*
            /// A number that this program has no name for.
            Unknown(i32),
        }

        impl DType {
            /// Every named type.
            pub const ALL: &'static [DType] = &[$(DType::$variant),*];

            /// Bits of one element as models store it; 0 for types without a fixed width.
            pub const fn bits(self) -> usize {
                match self { $(DType::$variant => $bits,)* DType::Unknown(_) => 0 }
            }

            pub fn from_name(name: &str) -> Option<DType> {
                match name { $($name => Some(DType::$variant),)* _ => None }
            }

            fn known_name(self) -> Option<&'static str> {
                match self { $(DType::$variant => Some($name),)* DType::Unknown(_) => None }
            }
        }
    };
}

dtypes! {
    Invalid "invalid" 0,
    Float32 "float32" 32, Float64 "float64" 64, Float16 "float16" 16, BFloat16 "bfloat16" 16,
    Int8 "int8" 8, Int16 "int16" 16, Int32 "int32" 32, Int64 "int64" 64,
    UInt8 "uint8" 8, UInt16 "uint16" 16, UInt32 "uint32" 32, UInt64 "uint64" 64,
    Bool "bool" 8, String "string" 0,
    Complex64 "complex64" 64, Complex128 "complex128" 128,
    Resource "resource" 0, Variant "variant" 0,
    QInt8 "qint8" 8, QUInt8 "quint8" 8, QInt16 "qint16" 16, QUInt16 "quint16" 16, QInt32 "qint32" 32,
    Int4 "int4" 4, UInt4 "uint4" 4, Int2 "int2" 2, UInt2 "uint2" 2,
    Float8E5M2 "float8_e5m2" 8, Float8E4M3Fn "float8_e4m3fn" 8, Float8E4M3FnUz "float8_e4m3fnuz" 8,
    Float8E4M3B11FnUz "float8_e4m3b11fnuz" 8, Float8E5M2FnUz "float8_e5m2fnuz" 8,
    Float4E2M1Fn "float4_e2m1fn" 4,
}

impl DType {
    /// Bytes of one element in memory; packed types (int4, int2) take one byte each there.
    /// `None` for strings, resources and variants.
    pub const fn size(self) -> Option<usize> {
        match self.bits() {
            0 => None,
            bits => Some(bits.div_ceil(8)),
        }
    }

    /// Bytes that `elements` take in a file that packs sub-byte types, rounded up.
    pub fn packed_bytes(self, elements: usize) -> Option<usize> {
        match self.bits() {
            0 => None,
            bits => Some(elements.checked_mul(bits)?.div_ceil(8)),
        }
    }

    pub const fn is_float(self) -> bool {
        matches!(
            self,
            DType::Float32 | DType::Float64 | DType::Float16 | DType::BFloat16
        )
    }

    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            DType::Int2
                | DType::UInt2
                | DType::Int4
                | DType::UInt4
                | DType::Int8
                | DType::UInt8
                | DType::Int16
                | DType::UInt16
                | DType::Int32
                | DType::UInt32
                | DType::Int64
                | DType::UInt64
        )
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known_name(), self) {
            (Some(name), _) => f.pad(name),
            (None, DType::Unknown(number)) => f.pad(&format!("type {number}")),
            (None, _) => Ok(()),
        }
    }
}
