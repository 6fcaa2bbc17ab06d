#![no_main]

mexplore_fuzz::parser!(tui, "config");
