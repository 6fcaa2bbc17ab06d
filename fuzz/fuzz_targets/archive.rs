#![no_main]

mexplore_fuzz::parser!("archive");
