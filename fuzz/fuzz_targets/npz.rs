#![no_main]

mexplore_fuzz::parser!("npz");
