#![no_main]

mexplore_fuzz::parser!(format, "tflite_metadata");
