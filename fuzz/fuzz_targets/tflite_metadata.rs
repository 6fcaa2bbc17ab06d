#![no_main]

mexplore_fuzz::parser!("tflite_metadata");
