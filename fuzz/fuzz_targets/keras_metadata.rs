#![no_main]

mexplore_fuzz::parser!(format, "keras_metadata");
