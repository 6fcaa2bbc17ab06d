#![no_main]

mexplore_fuzz::parser!(tui, "theme");
