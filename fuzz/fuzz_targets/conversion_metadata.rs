#![no_main]

mexplore_fuzz::parser!("conversion_metadata");
