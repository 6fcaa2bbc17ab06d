#![no_main]

mexplore_fuzz::parser!(feed, "input_file");
