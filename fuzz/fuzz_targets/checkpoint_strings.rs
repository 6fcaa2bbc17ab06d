#![no_main]

mexplore_fuzz::parser!(format, "checkpoint_strings");
