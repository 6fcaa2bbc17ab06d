#![no_main]

use libfuzzer_sys::fuzz_target;
use mexplore::feed;
use mexplore::model::{DType, Port, Shape};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let port = Port {
        name: "x".into(),
        tensor: None,
        value: None,
        dtype: DType::Float32,
        reference: false,
        shape: Shape(Some(vec![-1, 4])),
        shape_absent: false,
        quantization: None,
    };
    // With the bracket it is a literal and no name of a file.
    let _ = feed::parse(&format!("[{text}"), &port);
});
