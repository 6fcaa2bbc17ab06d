#![no_main]

mexplore_fuzz::parser!(format, "protobuf_text");
