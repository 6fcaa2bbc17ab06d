#![no_main]

mexplore_fuzz::parser!(format, "webp");
