#![no_main]

mexplore_fuzz::parser!("saved_model_pb");
