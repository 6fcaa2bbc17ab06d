#![no_main]

mexplore_fuzz::parser!(ops, "characters");
