#![no_main]

mexplore_fuzz::parser!(feed, "labels");
