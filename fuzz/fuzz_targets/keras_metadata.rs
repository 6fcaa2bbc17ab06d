#![no_main]

mexplore_fuzz::parser!("keras_metadata");
