#![no_main]

mexplore_fuzz::parser!(format, "tf_sequence_example");
