#![no_main]

mexplore_fuzz::parser!(quantize, "recipe");
