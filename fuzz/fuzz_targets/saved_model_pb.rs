#![no_main]

mexplore_fuzz::parser!(format, "saved_model_pb");
