#![no_main]

mexplore_fuzz::parser!(format, "conversion_metadata");
