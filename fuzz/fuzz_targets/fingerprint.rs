#![no_main]

mexplore_fuzz::parser!("fingerprint");
