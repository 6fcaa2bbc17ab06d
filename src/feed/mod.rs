//! How a person gives a tensor, and how outputs read.

mod detections;
mod element;
mod examples;
mod files;
mod fit;
mod generate;
mod labels;
mod literal;
pub mod parsers;
mod pixels;
mod rank;
mod samples;
mod sound;
mod spec;
mod views;

pub use detections::{Detection, Detections, detections};
pub use files::{forms, names_a_file, neighbour, with_whole_path};
pub use fit::{dequantized, fit};
pub use generate::random;
pub use labels::{labels_beside, labels_of, read_labels};
pub use rank::{Ranked, top_k, top_k_of_rows};
pub use samples::{SampleSet, samples_for};
pub use spec::{parse, parse_told};
pub use views::{ClassMap, Image, Signal, Trace};
