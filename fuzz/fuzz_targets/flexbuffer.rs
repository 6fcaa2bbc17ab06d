#![no_main]

mexplore_fuzz::parser!("flexbuffer");
