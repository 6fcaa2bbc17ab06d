#![no_main]

mexplore_fuzz::parser!("protobuf_text");
