#![no_main]

mexplore_fuzz::parser!("checkpoint_objects");
